//! Sizes of axes: numbers, names, and polynomials of them.
//!
//! `[n]` and `[2 * n + 1]` are checked for every n at once: an axis is kept as a polynomial with rational coefficients
//! in a canonical form, and two axes agree exactly if their forms are equal. A quotient by a name is a product with its
//! inverse, which the name cancels. What is not of this form (a quotient by a sum) is a symbol of its own, named by its
//! text.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// The size of one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axis {
    Known(u64),
    Poly(Rc<Poly>),
}

/// A polynomial: for each product of names, sorted, its coefficient. Never constant, never with a zero coefficient. A
/// name that is divided by begins with `INVERSE`.
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

const INVERSE: char = '/';

/// Names and their inverses cancel.
fn product_of(a: &[String], b: &[String]) -> Vec<String> {
    let mut out = a.to_vec();
    for name in b {
        let other = match name.strip_prefix(INVERSE) {
            Some(plain) => plain.to_string(),
            None => format!("{INVERSE}{name}"),
        };
        match out.iter().position(|n| *n == other) {
            Some(at) => drop(out.remove(at)),
            None => out.push(name.clone()),
        }
    }
    out.sort();
    out
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
                let k = product_of(&ka, &kb);
                let c = ca.mul(cb).ok_or(AxisFault::TooLarge)?;
                let sum = terms.get(&k).map_or(Some(c), |old: &Ratio| old.add(c)).ok_or(AxisFault::TooLarge)?;
                terms.insert(k, sum);
            }
        }
        Axis::from_terms(terms)
    }

    /// What a name must be for this axis to have a size: of `2 * n` and 64 it is 32. `None` where the axis is no multiple
    /// of the name and something without it, or nothing fits.
    pub fn solve(&self, name: &str, size: &Axis) -> Option<Axis> {
        let mut rest = self.terms();
        let factor = rest.remove([name.to_string()].as_slice())?;
        if rest.keys().flatten().any(|n| n.contains(name)) || factor.num < 0 {
            return None;
        }
        let mut left = size.terms();
        for (names, c) in rest {
            let c = c.mul(Ratio::new(-1, 1))?;
            let sum = left.get(&names).map_or(Some(c), |old| old.add(c))?;
            left.insert(names, sum);
        }
        let by = Ratio::new(factor.den, factor.num);
        let parts = left.into_iter().map(|(names, c)| Some((names, c.mul(by)?)));
        Axis::from_terms(parts.collect::<Option<Terms>>()?).ok()
    }

    /// As a sum of products of one quantity: its powers, negative where it is divided by, each with its factor. `None` where
    /// other names take part.
    pub fn powers(&self, of: &str) -> Option<Vec<(i32, f64)>> {
        let inverse = format!("{INVERSE}{of}");
        let power = |names: &Vec<String>| {
            names.iter().try_fold(0, |p, n| match n {
                n if n == of => Some(p + 1),
                n if *n == inverse => Some(p - 1),
                _ => None,
            })
        };
        self.terms().iter().map(|(names, c)| Some((power(names)?, c.num as f64 / c.den as f64))).collect()
    }

    /// Exact division. A quotient by a sum of names is a symbol named by its text.
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
            Axis::Poly(p) if p.0.len() == 1 => {
                let mut terms = Terms::new();
                let one = p.0.iter().next().map(|(names, c)| (names.clone(), *c));
                let (names, c) = one.ok_or(AxisFault::ByZero)?;
                let by = Ratio::new(c.den, c.num);
                let inverse = |n: &String| match n.strip_prefix(INVERSE) {
                    Some(plain) => plain.to_string(),
                    None => format!("{INVERSE}{n}"),
                };
                let inverses: Vec<String> = names.iter().map(inverse).collect();
                for (k, c) in self.terms() {
                    terms.insert(product_of(&k, &inverses), c.mul(by).ok_or(AxisFault::TooLarge)?);
                }
                Axis::from_terms(terms)
            }
            _ => Ok(Axis::symbol(format!("{}/{}", self.as_factor(), other.as_factor()))),
        }
    }

    /// The whole part of a quotient. Of a polynomial divided by a number, everything but the constant is taken to be
    /// whole: where it is not, the sizes of a run tell.
    pub fn floor_div(&self, other: &Axis) -> Result<Axis, AxisFault> {
        let by = match (self, other) {
            (_, Axis::Known(0)) => return Err(AxisFault::ByZero),
            (Axis::Known(a), Axis::Known(b)) => return Ok(Axis::Known(a / b)),
            (_, Axis::Known(b)) => Ratio::new(1, i128::from(*b)),
            _ if self == other => return Ok(Axis::Known(1)),
            _ => return Ok(Axis::symbol(format!("floor({} / {})", self.as_factor(), other.as_factor()))),
        };
        let mut terms = Terms::new();
        for (k, c) in self.terms() {
            let c = c.mul(by).ok_or(AxisFault::TooLarge)?;
            let whole = Ratio::new(c.num.div_euclid(c.den), 1);
            terms.insert(k.clone(), if k.is_empty() { whole } else { c });
        }
        Axis::from_terms(terms)
    }

    /// The number of windows of an axis: of `size` elements, `dilation` apart, that begin every `stride` elements,
    /// with `padding` zeros on either side.
    pub fn windows(&self, size: &Axis, stride: &Axis, dilation: &Axis, padding: &Axis) -> Result<Axis, AxisFault> {
        let one = Axis::Known(1);
        let padded = padding.mul(&Axis::Known(2))?.add(self)?;
        let last = padded.sub(&Axis::reach(size, dilation)?)?;
        last.floor_div(stride)?.add(&one)
    }

    /// From the first to the last element of a window, both counted.
    pub fn reach(size: &Axis, dilation: &Axis) -> Result<Axis, AxisFault> {
        // dilation * (size - 1) + 1, without a negative number in between.
        dilation.mul(size)?.add(&Axis::Known(1))?.sub(dilation)
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
            let (over, of): (Vec<&String>, Vec<&String>) = names.iter().partition(|n| n.starts_with(INVERSE));
            let product = of.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(" * ");
            match (c.num.abs(), of.is_empty()) {
                (num, true) => write!(f, "{num}")?,
                (1, _) => f.write_str(&product)?,
                (num, _) => write!(f, "{num} * {product}")?,
            }
            for n in over {
                write!(f, " / {}", n.trim_start_matches(INVERSE))?;
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
    fn quotients_cancel() {
        let (n, m) = (Axis::symbol("n"), Axis::symbol("m"));
        let q = n.div(&m).unwrap();
        assert_eq!(q.mul(&m).unwrap(), n);
        assert_eq!(m.mul(&q).unwrap(), n);
        assert_eq!(q.mul(&Axis::Known(2)).unwrap().to_string(), "2 * n / m");
        assert_eq!(n.mul(&m).unwrap().div(&m).unwrap(), n);
        assert_eq!(q.mul(&m.mul(&m).unwrap()).unwrap(), n.mul(&m).unwrap());
        // A quotient by a sum is a symbol.
        let sum = n.add(&m).unwrap();
        assert_eq!(n.div(&sum).unwrap().to_string(), "n/(n + m)");
    }

    #[test]
    fn sizes_are_solved_for_one_name() {
        let (n, m) = (Axis::symbol("n"), Axis::symbol("m"));
        let twice = n.mul(&Axis::Known(2)).unwrap();
        assert_eq!(twice.solve("n", &Axis::Known(64)), Some(Axis::Known(32)));
        assert_eq!(twice.solve("n", &Axis::Known(63)), None);
        assert_eq!(twice.add(&Axis::Known(1)).unwrap().solve("n", &Axis::Known(7)), Some(Axis::Known(3)));
        assert_eq!(n.div(&Axis::Known(3)).unwrap().solve("n", &Axis::Known(4)), Some(Axis::Known(12)));
        assert_eq!(twice.solve("n", &m), m.div(&Axis::Known(2)).ok());
        assert_eq!(n.mul(&n).unwrap().solve("n", &Axis::Known(4)), None);
        assert_eq!(twice.powers("n"), Some(vec![(1, 2.0)]));
        assert_eq!(twice.powers("m"), None);
    }

    #[test]
    fn windows_are_counted() {
        let of = |n: u64, k: u64, s: u64, d: u64, p: u64| {
            Axis::Known(n).windows(&Axis::Known(k), &Axis::Known(s), &Axis::Known(d), &Axis::Known(p))
        };
        assert_eq!(of(8, 3, 1, 1, 1), Ok(Axis::Known(8)));
        assert_eq!(of(8, 3, 2, 1, 1), Ok(Axis::Known(4)));
        assert_eq!(of(9, 3, 2, 2, 0), Ok(Axis::Known(3)));
        assert_eq!(of(2, 3, 1, 1, 0), Err(AxisFault::Negative));
        // An even number of positions, seen from an odd window.
        let s = Axis::symbol("s");
        let (one, two) = (Axis::Known(1), Axis::Known(2));
        assert_eq!(s.windows(&Axis::Known(3), &two, &one, &one), s.div(&two));
        assert_eq!(s.windows(&two, &two, &one, &Axis::Known(0)), s.div(&two));
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
