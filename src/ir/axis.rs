//! Sizes of axes: numbers, names, and polynomials of them.
//!
//! `[n]` and `[2 * n + 1]` are checked for every n at once: an axis is kept as a polynomial with rational coefficients
//! in a canonical form, and two axes agree exactly if their forms are equal. What is not polynomial (a quotient by a
//! name) is a symbol of its own, named by its text.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// The size of one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axis {
    Known(u64),
    Poly(Rc<Poly>),
}

/// A polynomial: for each product of names, sorted, its coefficient. Never constant, never with a zero coefficient.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Poly(BTreeMap<Vec<String>, Ratio>);

/// A reduced fraction with a positive denominator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ratio {
    num: i128,
    den: i128,
}

/// Why an axis has no size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AxisFault {
    Negative,
    Fraction,
    TooLarge,
    ByZero,
}

impl Ratio {
    fn new(num: i128, den: i128) -> Ratio {
        let g = gcd(num.unsigned_abs(), den.unsigned_abs()).max(1) as i128;
        let s = if den < 0 { -1 } else { 1 };
        Ratio { num: s * num / g, den: s * den / g }
    }

    fn add(self, o: Ratio) -> Option<Ratio> {
        let num = self.num.checked_mul(o.den)?.checked_add(o.num.checked_mul(self.den)?)?;
        Some(Ratio::new(num, self.den.checked_mul(o.den)?))
    }

    fn mul(self, o: Ratio) -> Option<Ratio> {
        Some(Ratio::new(self.num.checked_mul(o.num)?, self.den.checked_mul(o.den)?))
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

type Terms = BTreeMap<Vec<String>, Ratio>;

impl Axis {
    pub fn symbol(name: impl Into<String>) -> Axis {
        Axis::Poly(Rc::new(Poly(BTreeMap::from([(vec![name.into()], Ratio::new(1, 1))]))))
    }

    pub fn known(&self) -> Option<u64> {
        match self {
            Axis::Known(n) => Some(*n),
            Axis::Poly(_) => None,
        }
    }

    /// The name, if the axis is one name alone.
    pub fn as_symbol(&self) -> Option<&str> {
        let Axis::Poly(p) = self else { return None };
        let (names, c) = p.0.iter().next()?;
        (p.0.len() == 1 && names.len() == 1 && *c == Ratio::new(1, 1)).then(|| names[0].as_str())
    }

    fn terms(&self) -> Terms {
        match self {
            Axis::Known(0) => Terms::new(),
            Axis::Known(n) => BTreeMap::from([(Vec::new(), Ratio::new(i128::from(*n), 1))]),
            Axis::Poly(p) => p.0.clone(),
        }
    }

    fn from_terms(mut terms: Terms) -> Result<Axis, AxisFault> {
        terms.retain(|_, c| c.num != 0);
        if terms.keys().all(|k| k.is_empty()) {
            let c = terms.values().next().copied().unwrap_or(Ratio::new(0, 1));
            return match c {
                Ratio { den, .. } if den != 1 => Err(AxisFault::Fraction),
                Ratio { num, .. } if num < 0 => Err(AxisFault::Negative),
                Ratio { num, .. } => u64::try_from(num).map(Axis::Known).map_err(|_| AxisFault::TooLarge),
            };
        }
        Ok(Axis::Poly(Rc::new(Poly(terms))))
    }

    pub fn add(&self, other: &Axis) -> Result<Axis, AxisFault> {
        self.combine(other, Ratio::new(1, 1))
    }

    pub fn sub(&self, other: &Axis) -> Result<Axis, AxisFault> {
        self.combine(other, Ratio::new(-1, 1))
    }

    fn combine(&self, other: &Axis, sign: Ratio) -> Result<Axis, AxisFault> {
        let mut terms = self.terms();
        for (k, c) in other.terms() {
            let c = c.mul(sign).ok_or(AxisFault::TooLarge)?;
            let sum = terms.get(&k).map_or(Some(c), |old| old.add(c)).ok_or(AxisFault::TooLarge)?;
            terms.insert(k, sum);
        }
        Axis::from_terms(terms)
    }

    pub fn mul(&self, other: &Axis) -> Result<Axis, AxisFault> {
        let mut terms = Terms::new();
        for (ka, ca) in self.terms() {
            for (kb, cb) in other.terms() {
                let mut k = [ka.clone(), kb].concat();
                k.sort();
                let c = ca.mul(cb).ok_or(AxisFault::TooLarge)?;
                let sum = terms.get(&k).map_or(Some(c), |old: &Ratio| old.add(c)).ok_or(AxisFault::TooLarge)?;
                terms.insert(k, sum);
            }
        }
        Axis::from_terms(terms)
    }

    /// Exact division. A quotient of names is a symbol named by its text.
    pub fn div(&self, other: &Axis) -> Result<Axis, AxisFault> {
        match other {
            Axis::Known(0) => Err(AxisFault::ByZero),
            Axis::Known(d) => {
                let by = Ratio::new(1, i128::from(*d));
                let mut terms = Terms::new();
                for (k, c) in self.terms() {
                    terms.insert(k, c.mul(by).ok_or(AxisFault::TooLarge)?);
                }
                Axis::from_terms(terms)
            }
            _ if self == other => Ok(Axis::Known(1)),
            _ => Ok(Axis::symbol(format!("{}/{}", self.as_factor(), other.as_factor()))),
        }
    }

    fn as_factor(&self) -> String {
        let text = self.to_string();
        if text.contains(' ') { format!("({text})") } else { text }
    }

    /// The product of all sizes of a shape.
    pub fn product(shape: &[Axis]) -> Result<Axis, AxisFault> {
        shape.iter().try_fold(Axis::Known(1), |a, b| a.mul(b))
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = match self {
            Axis::Known(n) => return write!(f, "{n}"),
            Axis::Poly(p) => p,
        };
        // Names first, the constant last: `2 * n + 1`.
        for (i, (names, c)) in p.0.iter().rev().enumerate() {
            let sign = if c.num < 0 { "-" } else { "+" };
            match i {
                0 if c.num < 0 => f.write_str("-")?,
                0 => {}
                _ => write!(f, " {sign} ")?,
            }
            let (num, product) = (c.num.abs(), names.join(" * "));
            match (num, names.is_empty()) {
                (_, true) => write!(f, "{num}")?,
                (1, _) => f.write_str(&product)?,
                _ => write!(f, "{num} * {product}")?,
            }
            if c.den != 1 {
                write!(f, " / {}", c.den)?;
            }
        }
        Ok(())
    }
}

/// `[m, 2 * n]`
pub fn shape_text(shape: &[Axis]) -> String {
    format!("[{}]", shape.iter().map(|a| a.to_string()).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_have_one_form() {
        let n = Axis::symbol("n");
        let m = Axis::symbol("m");
        let two = Axis::Known(2);
        let a = n.add(&m).unwrap().mul(&two).unwrap();
        let b = m.mul(&two).unwrap().add(&n).unwrap().add(&n).unwrap();
        assert_eq!(a, b);
        assert_eq!(a.sub(&b).unwrap(), Axis::Known(0));
        assert_eq!(n.div(&two).unwrap().mul(&two).unwrap(), n);
        assert_eq!(n.mul(&two).unwrap().add(&Axis::Known(1)).unwrap().to_string(), "2 * n + 1");
    }

    #[test]
    fn sizes_that_do_not_exist_are_faults() {
        assert_eq!(Axis::Known(3).div(&Axis::Known(2)), Err(AxisFault::Fraction));
        assert_eq!(Axis::Known(3).sub(&Axis::Known(4)), Err(AxisFault::Negative));
        assert_eq!(Axis::Known(3).div(&Axis::Known(0)), Err(AxisFault::ByZero));
        let big = Axis::Known(u64::MAX);
        assert_eq!(big.mul(&big), Err(AxisFault::TooLarge));
    }
}
