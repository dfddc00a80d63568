//! Units: products of powers of base dimensions, with the scale of each unit word.

use std::fmt;

/// Base dimensions, in SI or as the language counts them.
const BASES: [&str; 7] = ["s", "V", "A", "rad", "epoch", "step", "seed"];

/// A dimension: exponents of the bases, in halves (a square root is legal).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unit([i8; BASES.len()]);

impl Unit {
    pub const ONE: Unit = Unit([0; 7]);
    pub const TIME: Unit = Unit([2, 0, 0, 0, 0, 0, 0]);
    pub const VOLTAGE: Unit = Unit([0, 2, 0, 0, 0, 0, 0]);
    pub const CURRENT: Unit = Unit([0, 0, 2, 0, 0, 0, 0]);
    pub const ANGLE: Unit = Unit([0, 0, 0, 2, 0, 0, 0]);
    pub const EPOCHS: Unit = Unit([0, 0, 0, 0, 2, 0, 0]);
    pub const STEPS: Unit = Unit([0, 0, 0, 0, 0, 2, 0]);
    pub const SEEDS: Unit = Unit([0, 0, 0, 0, 0, 0, 2]);
    pub const FREQUENCY: Unit = Unit([-2, 0, 0, 0, 0, 0, 0]);
    pub const CONDUCTANCE: Unit = Unit([0, -2, 2, 0, 0, 0, 0]);
    pub const CAPACITANCE: Unit = Unit([2, -2, 2, 0, 0, 0, 0]);

    /// Dimension and scale of a unit word of the grammar.
    pub fn word(word: &str) -> Option<(Unit, f64)> {
        Some(match word {
            "%" => (Unit::ONE, 0.01),
            "s" => (Unit::TIME, 1.0),
            "ms" => (Unit::TIME, 1e-3),
            "us" => (Unit::TIME, 1e-6),
            "min" => (Unit::TIME, 60.0),
            "Hz" => (Unit::FREQUENCY, 1.0),
            "kHz" => (Unit::FREQUENCY, 1e3),
            "deg" => (Unit::ANGLE, std::f64::consts::PI / 180.0),
            "rad" => (Unit::ANGLE, 1.0),
            "V" => (Unit::VOLTAGE, 1.0),
            "mV" => (Unit::VOLTAGE, 1e-3),
            "A" => (Unit::CURRENT, 1.0),
            "mA" => (Unit::CURRENT, 1e-3),
            "nA" => (Unit::CURRENT, 1e-9),
            "pA" => (Unit::CURRENT, 1e-12),
            "S" => (Unit::CONDUCTANCE, 1.0),
            "nS" => (Unit::CONDUCTANCE, 1e-9),
            "pS" => (Unit::CONDUCTANCE, 1e-12),
            "F" => (Unit::CAPACITANCE, 1.0),
            "uF" => (Unit::CAPACITANCE, 1e-6),
            "nF" => (Unit::CAPACITANCE, 1e-9),
            "pF" => (Unit::CAPACITANCE, 1e-12),
            "epoch" | "epochs" => (Unit::EPOCHS, 1.0),
            "step" | "steps" => (Unit::STEPS, 1.0),
            "seed" | "seeds" => (Unit::SEEDS, 1.0),
            _ => return None,
        })
    }

    /// The dimension that a type's name stands for.
    pub fn of_type(name: &str) -> Option<Unit> {
        Some(match name {
            "Real" => Unit::ONE,
            "Time" => Unit::TIME,
            "Rate" | "Frequency" => Unit::FREQUENCY,
            "Angle" => Unit::ANGLE,
            "Voltage" => Unit::VOLTAGE,
            "Current" => Unit::CURRENT,
            "Conductance" => Unit::CONDUCTANCE,
            "Capacitance" => Unit::CAPACITANCE,
            _ => return None,
        })
    }

    pub const TYPE_NAMES: [&str; 9] =
        ["Real", "Time", "Rate", "Frequency", "Angle", "Voltage", "Current", "Conductance", "Capacitance"];

    /// The unit in which a quantity is printed, and its scale.
    pub fn display(self) -> (String, f64) {
        match self {
            Unit::ONE => ("1".into(), 1.0),
            Unit::ANGLE => Unit::word("deg").map(|(_, s)| ("deg".into(), s)).unwrap_or_default(),
            Unit::TIME => ("ms".into(), 1e-3),
            Unit::FREQUENCY => ("Hz".into(), 1.0),
            Unit::VOLTAGE => ("mV".into(), 1e-3),
            Unit::CONDUCTANCE => ("nS".into(), 1e-9),
            Unit::CAPACITANCE => ("pF".into(), 1e-12),
            other => (other.to_string(), 1.0),
        }
    }

    /// The unit as people write it behind a number, for messages: `deg`, `ms`, `epochs`.
    pub fn written(self) -> String {
        match self {
            Unit::ONE => "a plain number".into(),
            Unit::CURRENT => "nA".into(),
            Unit::EPOCHS => "epochs".into(),
            Unit::STEPS => "steps".into(),
            Unit::SEEDS => "seeds".into(),
            other => other.display().0,
        }
    }

    pub fn times(self, other: Unit) -> Unit {
        Unit(std::array::from_fn(|i| self.0[i].saturating_add(other.0[i])))
    }

    pub fn over(self, other: Unit) -> Unit {
        Unit(std::array::from_fn(|i| self.0[i].saturating_sub(other.0[i])))
    }

    /// Raised to a power that is a multiple of one half; `None` if an exponent is then no multiple of one half.
    pub fn power(self, exponent: f64) -> Option<Unit> {
        let mut out = Unit::ONE;
        for (o, e) in out.0.iter_mut().zip(self.0) {
            let x = f64::from(e) * exponent;
            if x.fract() != 0.0 || x.abs() > 100.0 {
                return None;
            }
            *o = x as i8;
        }
        Some(out)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Unit::ONE {
            return f.write_str("a plain number");
        }
        let part = |sign: i8| -> Vec<String> {
            let used = BASES.iter().zip(self.0).filter(|(_, e)| e * sign > 0);
            used.map(|(b, e)| match e.abs() {
                2 => (*b).to_string(),
                e if e % 2 == 0 => format!("{b}^{}", e / 2),
                e => format!("{b}^({e}/2)"),
            })
            .collect()
        };
        let (above, below) = (part(1), part(-1));
        let above = if above.is_empty() { "1".into() } else { above.join(" * ") };
        match below.len() {
            0 => f.write_str(&above),
            1 => write!(f, "{above}/{}", below[0]),
            _ => write!(f, "{above}/({})", below.join(" * ")),
        }
    }
}
