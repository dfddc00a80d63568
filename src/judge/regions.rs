//! Whether an expectation can be met at all, and whether it can fail: interval arithmetic over what its measures can be.
//!
//! The ranges are closed and taken to be independent of each other, so that "impossible" is only said of what is: a
//! comparison may be impossible in ways that this does not see.

use super::{Expectation, Relation, Scope, Statistic, Term};

/// A closed range, in base units.
pub type Range = (f64, f64);

const ANYTHING: Range = (f64::NEG_INFINITY, f64::INFINITY);

/// Why an expectation decides nothing, with what its two sides can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Impossible {
    NeverMet { left: Range, right: Range },
    NeverFails { left: Range, right: Range },
}

/// Tells an expectation that no run can meet, or that every run meets.
///
/// `range_of(experiment, measure)` is what a measure can be, in base units (a share lies in 0..1, an angle in 0..pi);
/// None where nothing is known.
pub fn possible(expectation: &Expectation, range_of: &dyn Fn(&str, &str) -> Option<Range>) -> Result<(), Impossible> {
    let left = range(&expectation.left, range_of);
    let right = range(&expectation.right, range_of);
    let (never_met, never_fails) = match expectation.scope {
        Scope::AtLeast { count: 0, .. } => (false, true),
        Scope::AtLeast { count, of } if count > of => (true, false),
        _ => extremes(expectation, left, right),
    };
    match (never_met, never_fails) {
        (true, _) => Err(Impossible::NeverMet { left, right }),
        (_, true) => Err(Impossible::NeverFails { left, right }),
        _ => Ok(()),
    }
}

/// Whether the comparison can never be met, and whether it can never fail.
fn extremes(expectation: &Expectation, left: Range, right: Range) -> (bool, bool) {
    let same = expectation.left == expectation.right;
    if let Some(margin) = expectation.margin {
        let (low, high) = if same { (0.0, 0.0) } else { add(left, negate(right)) };
        return (low > margin || high < -margin, -margin <= low && high <= margin);
    }
    match expectation.relation {
        Relation::Less => (same || left.0 >= right.1, left.1 < right.0),
        Relation::LessEqual => (left.0 > right.1, same || left.1 <= right.0),
        Relation::Greater => (same || left.1 <= right.0, left.0 > right.1),
        Relation::GreaterEqual => (left.1 < right.0, same || left.0 >= right.1),
        Relation::Equal => {
            let apart = left.0 > right.1 || right.0 > left.1;
            (apart, same || (left.0 == left.1 && left == right))
        }
    }
}

/// What a term can be. A mean over seeds can be what its values can.
pub fn range(term: &Term, range_of: &dyn Fn(&str, &str) -> Option<Range>) -> Range {
    let of = |t: &Term| range(t, range_of);
    let found = match term {
        Term::Number(x) => (*x, *x),
        Term::Series { experiment, measure, .. } => range_of(experiment, measure).unwrap_or(ANYTHING),
        Term::Mean(x) => of(x),
        Term::OverConditions { statistic, .. } | Term::OverSeeds { statistic, .. } => match statistic {
            Statistic::Slope => ANYTHING,
            Statistic::Correlation | Statistic::Trend => (-1.0, 1.0),
        },
        Term::Negate(x) => negate(of(x)),
        Term::Abs(x) => match of(x) {
            (low, high) if low >= 0.0 => (low, high),
            (low, high) if high <= 0.0 => (-high, -low),
            (low, high) => (0.0, high.max(-low)),
        },
        Term::Log(x) => match of(x) {
            (_, high) if high < 0.0 => ANYTHING,
            (low, high) => (low.max(0.0).ln(), high.ln()),
        },
        Term::Add(a, b) => add(of(a), of(b)),
        Term::Subtract(a, b) if a == b => (0.0, 0.0),
        Term::Subtract(a, b) => add(of(a), negate(of(b))),
        Term::Multiply(a, b) => multiply(of(a), of(b)),
        Term::Divide(a, b) => match of(b) {
            (low, high) if low <= 0.0 && high >= 0.0 => ANYTHING,
            (low, high) => multiply(of(a), (1.0 / high, 1.0 / low)),
        },
        Term::Min(a, b) => (of(a).0.min(of(b).0), of(a).1.min(of(b).1)),
        Term::Max(a, b) => (of(a).0.max(of(b).0), of(a).1.max(of(b).1)),
    };
    if found.0.is_nan() || found.1.is_nan() { ANYTHING } else { found }
}

fn negate(a: Range) -> Range {
    (-a.1, -a.0)
}

fn add(a: Range, b: Range) -> Range {
    (a.0 + b.0, a.1 + b.1)
}

fn multiply(a: Range, b: Range) -> Range {
    // Nothing times something unbounded is nothing: the factor is a number, infinity only its bound.
    let times = |x: f64, y: f64| if x == 0.0 || y == 0.0 { 0.0 } else { x * y };
    let products = [times(a.0, b.0), times(a.0, b.1), times(a.1, b.0), times(a.1, b.1)];
    (products.iter().copied().fold(f64::INFINITY, f64::min), products.iter().copied().fold(f64::NEG_INFINITY, f64::max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Moment;
    use proptest::prelude::*;

    fn series(measure: &str) -> Term {
        Term::Series { experiment: "e".into(), condition: 0, measure: measure.into(), moment: Moment::Last, scale: 1.0 }
    }

    fn ask(left: Term, relation: Relation, right: Term, scope: Scope) -> Result<(), Impossible> {
        let expectation = Expectation { left, relation, right, margin: None, scope, unit: "1".into(), unit_scale: 1.0 };
        possible(&expectation, &|_, measure| match measure {
            "share" => Some((0.0, 1.0)),
            "turn" => Some((0.0, std::f64::consts::PI)),
            _ => None,
        })
    }

    fn minus(a: Term, b: Term) -> Term {
        Term::Subtract(Box::new(a), Box::new(b))
    }

    #[test]
    fn what_cannot_be_is_told() {
        let every = Scope::EverySeed;
        let met = |r: Result<(), Impossible>| matches!(r, Err(Impossible::NeverMet { .. }));
        let fails = |r: Result<(), Impossible>| matches!(r, Err(Impossible::NeverFails { .. }));
        assert!(met(ask(series("share"), Relation::Greater, Term::Number(1.0), every)));
        assert!(fails(ask(series("share"), Relation::LessEqual, Term::Number(1.0), every)));
        assert!(met(ask(Term::Number(4.0), Relation::Less, series("turn"), every)));
        assert!(met(ask(series("other"), Relation::Less, series("other"), every)));
        assert!(fails(ask(Term::Mean(Box::new(series("share"))), Relation::Greater, Term::Number(-0.5), every)));
        let twice = Term::Multiply(Box::new(Term::Number(-2.0)), Box::new(series("share")));
        assert!(met(ask(twice, Relation::Greater, Term::Number(0.0), every)));
        assert!(met(ask(series("share"), Relation::Less, Term::Number(0.5), Scope::AtLeast { count: 11, of: 10 })));
        assert!(fails(ask(series("share"), Relation::Less, Term::Number(0.5), Scope::AtLeast { count: 0, of: 10 })));
    }

    #[test]
    fn what_can_be_is_let_through() {
        let at = Scope::At { confidence: 0.95, method: crate::judge::Method::Student };
        assert_eq!(ask(series("share"), Relation::Greater, Term::Number(0.9), at), Ok(()));
        assert_eq!(ask(series("share"), Relation::GreaterEqual, Term::Number(1.0), at), Ok(()));
        assert_eq!(ask(series("other"), Relation::Greater, Term::Number(0.0), at), Ok(()));
        let margin = minus(series("share"), Term::Number(0.03));
        assert_eq!(ask(series("share"), Relation::Greater, margin, at), Ok(()));
        let ratio = Term::Divide(Box::new(series("share")), Box::new(series("share")));
        assert_eq!(ask(ratio, Relation::Greater, Term::Number(5.0), at), Ok(()));
    }

    proptest! {
        #[test]
        fn the_range_contains_every_value(a in 0.0..1.0f64, b in -3.0..3.0f64, c in -2.0..2.0f64) {
            let share = |x: f64| Term::Number(x);
            let build = |x: Term, y: Term, z: Term| {
                let product = Term::Multiply(Box::new(y), Box::new(minus(x.clone(), z.clone())));
                Term::Max(Box::new(Term::Abs(Box::new(product))), Box::new(Term::Negate(Box::new(z))))
            };
            let names = build(series("x"), series("y"), series("z"));
            let wide = range(&names, &|_, m| Some(match m { "x" => (0.0, 1.0), "y" => (-3.0, 3.0), _ => (-2.0, 2.0) }));
            let point = range(&build(share(a), share(b), share(c)), &|_, _| None);
            prop_assert!(point.0 == point.1 && wide.0 <= point.0 && point.1 <= wide.1);
        }
    }
}
