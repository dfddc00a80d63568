//! Numbers as a person writes them.

/// A number of the spec, in full but without the noise of binary fractions: `90`, `0.9725`, `1e-9`.
pub fn exact(x: f64) -> String {
    rounded(x, 9)
}

/// A measured number, to three significant figures: `61.3`, `0.951`, `1.20e-7`.
pub fn measured(x: f64) -> String {
    format_number(x, 3)
}

/// A measured number with as many figures as it takes to tell it from a bound that it is not.
pub fn measured_beside(x: f64, bound: f64) -> String {
    let same = |figures: usize| {
        (format_number(x, figures).parse::<f64>().ok()) == (rounded(bound, figures.max(9)).parse().ok())
    };
    let figures = (3..=12).find(|&d| x == bound || !same(d)).unwrap_or(12);
    format_number(x, figures)
}

/// `x` with a fixed number of decimals, never `-0.00`.
pub fn fixed(x: f64, decimals: usize) -> String {
    let text = format!("{x:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| matches!(c, '0' | '.')) => rest.to_string(),
        _ => text,
    }
}

/// A number followed by its unit; nothing follows a plain number.
pub fn with_unit(number: &str, unit: &str) -> String {
    if unit.is_empty() || unit == "1" { number.to_string() } else { format!("{number} {unit}") }
}

/// A probability: `0.03`, `4e-7`, never `0`.
pub fn probability(p: f64) -> String {
    match p {
        p if p.is_nan() => "nan".into(),
        p if p < 1e-15 => "< 1e-15".into(),
        p if p < 1e-3 => format!("= {p:.0e}"),
        p if p < 0.1 => format!("= {}", rounded(p, 2)),
        p => format!("= {p:.2}"),
    }
}

/// The decimals that show `figures` significant figures of a number.
pub fn decimals_for(x: f64, figures: usize) -> usize {
    if x == 0.0 || !x.is_finite() {
        return 0;
    }
    let place = x.abs().log10().floor() as i64;
    (figures as i64 - 1 - place).clamp(0, 15) as usize
}

fn format_number(x: f64, figures: usize) -> String {
    if !x.is_finite() {
        return not_finite(x).into();
    }
    let size = x.abs();
    if size != 0.0 && !(1e-4..1e7).contains(&size) {
        return format!("{x:.*e}", figures - 1);
    }
    fixed(x, decimals_for(x, figures))
}

/// To so many significant figures, trailing zeros left out.
fn rounded(x: f64, figures: usize) -> String {
    if !x.is_finite() {
        return not_finite(x).into();
    }
    let short: f64 = format!("{x:.*e}", figures - 1).parse().unwrap_or(x);
    let size = short.abs();
    if size != 0.0 && !(1e-4..1e9).contains(&size) { format!("{short:e}") } else { format!("{}", short + 0.0) }
}

/// The names of the numbers that are not finite, as in the JSON of a report.
pub fn not_finite(x: f64) -> &'static str {
    match x {
        x if x.is_nan() => "nan",
        x if x > 0.0 => "inf",
        _ => "-inf",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(exact(90.00000000000001), "90");
        assert_eq!(exact(-0.03), "-0.03");
        assert_eq!(exact(1e-9), "1e-9");
        assert_eq!(measured(61.29), "61.3");
        assert_eq!(measured(0.95149), "0.951");
        assert_eq!(measured(4810.0), "4810");
        assert_eq!(measured(1.2e-7), "1.20e-7");
        assert_eq!(measured(f64::NEG_INFINITY), "-inf");
        assert_eq!(fixed(-0.0001, 2), "0.00");
        assert_eq!(with_unit("90", "deg"), "90 deg");
        assert_eq!(with_unit("0.95", "1"), "0.95");
        assert_eq!(probability(0.0), "< 1e-15");
        assert_eq!(probability(0.0312), "= 0.031");
        assert_eq!(probability(4.4e-7), "= 4e-7");
        assert_eq!(probability(0.5), "= 0.50");
    }

    #[test]
    fn a_number_beside_its_bound_is_told_from_it() {
        assert_eq!(measured_beside(89.998, 90.0), "89.998");
        assert_eq!(measured_beside(61.3, 90.0), "61.3");
        assert_eq!(measured_beside(90.0, 90.0), "90.0");
    }
}
