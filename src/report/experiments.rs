//! Per experiment: a table of the last values, the course of every measure, and what went wrong.

use super::Facts;
use super::blocks::{Block, Column, Curve, Curves, Table};
use crate::judge::terms::at_moment;
use crate::judge::{INFORMATIVE, Moment, numbers, statistics};
use crate::run::trace::{ConditionTrace, ExperimentTrace, MeasureTrace};

pub fn section(facts: &Facts) -> Vec<Block> {
    let mut blocks = Vec::new();
    if facts.trace.interrupted {
        // Cut short, or looked at before the rest is trained.
        let told = "incomplete: not all runs are there; `trine run` trains those that are missing";
        blocks.push(Block::Warnings(vec![told.into()]));
    }
    for experiment in &facts.trace.experiments {
        blocks.push(Block::Heading { title: format!("experiment {}", experiment.name), aside: size(experiment) });
        blocks.push(Block::Table(table(experiment)));
        blocks.extend(courses(experiment).into_iter().map(Block::Curves));
        let failed = failures(experiment);
        if !failed.is_empty() {
            blocks.push(Block::Warnings(failed));
        }
        let notes = experiment.notes.iter().map(|n| ("note".to_string(), n.clone()));
        let notes: Vec<(String, String)> = super::tuning::chosen(experiment).into_iter().chain(notes).collect();
        if !notes.is_empty() {
            blocks.push(Block::KeyValues(notes));
        }
        let tried = super::tuning::tried(experiment);
        blocks.extend(tried.map(|t| Block::Folded("what settings were chosen from".into(), t)));
    }
    blocks
}

/// `2 conditions, 10 seeds`
fn size(experiment: &ExperimentTrace) -> String {
    let seeds =
        |f: fn(usize, usize) -> usize| experiment.conditions.iter().map(|c| c.seeds.len()).reduce(f).unwrap_or(0);
    let seeds = match (seeds(usize::min), seeds(usize::max)) {
        (a, b) if a == b => count(b, "seed"),
        (a, b) => format!("{a} to {b} seeds"),
    };
    match experiment.conditions.len() {
        1 => seeds,
        n => format!("{}, {seeds} each", count(n, "condition")),
    }
}

pub fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// The measures of an experiment in the order in which conditions name them; those of a single population, which nobody
/// has asked for, are told in the geometry alone.
pub fn measures(experiment: &ExperimentTrace) -> Vec<&MeasureTrace> {
    every_measure(experiment).into_iter().filter(|m| !m.name.starts_with(super::geometry::INTO)).collect()
}

pub fn every_measure(experiment: &ExperimentTrace) -> Vec<&MeasureTrace> {
    let mut all: Vec<&MeasureTrace> = Vec::new();
    for measure in experiment.conditions.iter().flat_map(|c| &c.measures) {
        if !all.iter().any(|m| m.name == measure.name) {
            all.push(measure);
        }
    }
    all
}

fn measure_of<'a>(condition: &'a ConditionTrace, name: &str) -> Option<&'a MeasureTrace> {
    condition.measures.iter().find(|m| m.name == name)
}

fn table(experiment: &ExperimentTrace) -> Table {
    let measures = measures(experiment);
    let mut columns = Vec::new();
    let mut cells: Vec<Vec<String>> = Vec::new();
    let mut push = |title: &str, subtitle: String, number: bool, column: Vec<String>| {
        columns.push(Column { title: title.into(), subtitle, number });
        cells.push(column);
    };
    let each = |text: fn(&ConditionTrace) -> String| experiment.conditions.iter().map(text).collect::<Vec<_>>();
    if experiment.conditions.iter().any(|c| !c.name.is_empty()) {
        push("condition", String::new(), false, each(|c| c.name.clone()));
    }
    for measure in &measures {
        let unit = Some(measure.unit.as_str()).filter(|u| !u.is_empty() && *u != "1");
        let on = Some(measure.on.as_str()).filter(|on| !on.is_empty()).map(|on| format!("on {on}"));
        let subtitle = unit.into_iter().map(str::to_string).chain(on).collect::<Vec<_>>().join(", ");
        push(&measure.name, subtitle, true, last_values(experiment, &measure.name));
    }
    if experiment.conditions.iter().any(|c| !c.faults.is_empty()) {
        push("finished", String::new(), true, each(|c| format!("{} of {}", finished(c), c.seeds.len())));
    }
    push("parameters", String::new(), true, each(|c| thousands(c.parameters)));
    push("time", String::new(), true, each(|c| duration(c.seconds)));
    let rows = (0..experiment.conditions.len()).map(|row| cells.iter().map(|c| c[row].clone()).collect()).collect();
    Table { columns, rows, caption: caption(experiment, &measures) }
}

fn finished(condition: &ConditionTrace) -> usize {
    condition.seeds.iter().filter(|&&seed| condition.faults.iter().all(|f| f.seed != seed)).count()
}

/// What the numbers of the table are.
fn caption(experiment: &ExperimentTrace, measures: &[&MeasureTrace]) -> String {
    let Some(first) = measures.first() else { return String::new() };
    let last = |m: &MeasureTrace| m.at.last().copied();
    let same = measures.iter().all(|m| last(m) == last(first) && m.every == first.every);
    let moment = match last(first) {
        Some(at) if same => format!("After {} {at}", first.every),
        _ => "Last values".into(),
    };
    if experiment.conditions.iter().all(|c| c.seeds.len() < 2) {
        return format!("{moment}; one seed gives no interval. Time is processor time.");
    }
    format!(
        "{moment}: mean ± half of the 95 % interval over seeds. Curves are means over seeds. Time is processor time of all seeds."
    )
}

/// `0.51 ± 0.04`, one cell a condition, all with the same decimals; where a run that ended has no number, of how many it is.
fn last_values(experiment: &ExperimentTrace, name: &str) -> Vec<String> {
    let of = |c: &ConditionTrace| {
        let ended = |seed: &&u64| c.faults.iter().all(|f| f.seed != **seed);
        let values: Vec<f64> = c.seeds.iter().filter(ended).map(|seed| last_value(c, name, *seed)).collect();
        (values.iter().filter(|x| x.is_finite()).count(), values.len())
    };
    let told = |(cell, c): (String, &ConditionTrace)| match of(c) {
        (some, all) if 0 < some && some < all => format!("{cell} ({some} of {all})"),
        _ => cell,
    };
    cells(&last(experiment, name)).into_iter().zip(&experiment.conditions).map(told).collect()
}

/// A measure's last value in every condition: the mean over seeds, and half of its interval. NaN where there is none.
pub fn last(experiment: &ExperimentTrace, name: &str) -> Vec<(f64, Option<f64>)> {
    let of = |c: &ConditionTrace| estimate(c.seeds.iter().map(|seed| last_value(c, name, *seed)));
    experiment.conditions.iter().map(of).collect()
}

fn last_value(c: &ConditionTrace, name: &str, seed: u64) -> f64 {
    measure_of(c, name).map_or(f64::NAN, |m| at_moment(c, m, seed, Moment::Last))
}

fn estimate(values: impl Iterator<Item = f64>) -> (f64, Option<f64>) {
    let values: Vec<f64> = values.filter(|x| x.is_finite()).collect();
    let half = statistics::t_interval(&values, INFORMATIVE).map(statistics::Interval::half);
    (statistics::mean(&values), half)
}

/// Estimates with the same decimals; where most are smaller than the largest by powers of ten, each with its own.
pub fn cells(all: &[(f64, Option<f64>)]) -> Vec<String> {
    let mut sizes: Vec<f64> = all.iter().map(|(mean, _)| mean.abs()).filter(|x| x.is_finite() && *x > 0.0).collect();
    sizes.sort_by(f64::total_cmp);
    if let (Some(median), Some(largest)) = (sizes.get(sizes.len() / 2), sizes.last())
        && largest / median > 1e4
    {
        return all.iter().map(|&(mean, half)| Form::of(&[mean], &[half]).cell(mean, half)).collect();
    }
    let (means, halves): (Vec<f64>, Vec<Option<f64>>) = all.iter().copied().unzip();
    let form = Form::of(&means, &halves);
    all.iter().map(|&(mean, half)| form.cell(mean, half)).collect()
}

/// How the numbers of one column are written, so that they can be compared at a glance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    Fixed(usize),
    /// Too small or too large for decimals: `1.2e-7`.
    Scientific,
}

impl Form {
    /// Two figures of the typical half-width; three of the typical mean if there is no width.
    pub fn of(means: &[f64], halves: &[Option<f64>]) -> Form {
        let median = |mut all: Vec<f64>| {
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied()
        };
        let sizes: Vec<f64> = means.iter().map(|x| x.abs()).filter(|x| x.is_finite() && *x > 0.0).collect();
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        if largest > 0.0 && !(1e-4..1e7).contains(&largest) {
            return Form::Scientific;
        }
        let widths: Vec<f64> = halves.iter().flatten().copied().filter(|x| *x > 0.0).collect();
        let decimals = match (median(widths), median(sizes)) {
            (Some(half), _) => numbers::decimals_for(half, 2).min(numbers::decimals_for(largest, 6)),
            (None, Some(size)) if means.iter().all(|x| x.fract() == 0.0) && size < 1e7 => 0,
            (None, Some(size)) => numbers::decimals_for(size, 4),
            (None, None) => 0,
        };
        Form::Fixed(decimals)
    }

    /// For values between two ends: three figures of what lies between them.
    fn over(low: f64, high: f64) -> Form {
        let size = low.abs().max(high.abs());
        if size > 0.0 && !(1e-4..1e7).contains(&size) {
            return Form::Scientific;
        }
        let between = if high > low { high - low } else { size };
        Form::Fixed(numbers::decimals_for(between, 3).min(6))
    }

    pub fn number(self, x: f64) -> String {
        match self {
            _ if !x.is_finite() => numbers::not_finite(x).into(),
            Form::Fixed(decimals) => numbers::fixed(x, decimals),
            Form::Scientific => format!("{x:.2e}"),
        }
    }

    fn cell(self, mean: f64, half: Option<f64>) -> String {
        match half {
            _ if mean.is_nan() => "none".into(),
            Some(half) if self == Form::Scientific => format!("{} ± {half:.1e}", self.number(mean)),
            Some(half) => format!("{} ± {}", self.number(mean), self.number(half)),
            None => self.number(mean),
        }
    }
}

/// `4,810`
pub fn thousands(n: usize) -> String {
    let figures = n.to_string();
    let mut text = String::new();
    for (i, digit) in figures.chars().enumerate() {
        if i > 0 && (figures.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `7 ms`, `0.4 s`, `32 s`, `4 min 10 s`, `2 h 5 min`
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "unknown".into();
    }
    let whole = seconds.round() as u64;
    match seconds {
        s if s > 0.0 && s < 5e-4 => "under 1 ms".into(),
        s if s > 0.0 && s < 0.05 => format!("{:.0} ms", 1e3 * s),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 119.5 => format!("{whole} s"),
        s if s < 7200.0 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

pub fn courses(experiment: &ExperimentTrace) -> Vec<Curves> {
    // Two moments are no course: the table has the second.
    measures(experiment).into_iter().map(|m| course(experiment, m)).filter(|c| c.at.len() > 2).collect()
}

fn course(experiment: &ExperimentTrace, measure: &MeasureTrace) -> Curves {
    let all: Vec<(&ConditionTrace, &MeasureTrace)> =
        experiment.conditions.iter().filter_map(|c| measure_of(c, &measure.name).map(|m| (c, m))).collect();
    // Conditions may last differently long.
    let mut at: Vec<u64> = all.iter().flat_map(|(_, m)| m.at.iter().copied()).collect();
    at.sort_unstable();
    at.dedup();
    let mut lines: Vec<Curve> = all.iter().map(|(c, m)| line(c, m, &at)).collect();
    let ends = |end: Option<&u64>| end.copied().unwrap_or(0);
    let mut curves = Curves {
        title: title(measure),
        every: measure.every.clone(),
        from: ends(at.first()),
        to: ends(at.last()),
        table: moments(measure, &at, &lines),
        at,
        ..Curves::default()
    };
    let scale = Curves { lines: lines.clone(), ..Curves::default() }.scale();
    let (low, high) = scale.unwrap_or((f64::NAN, f64::NAN));
    let form = Form::over(low, high);
    (curves.low, curves.high) = (form.number(low), form.number(high));
    for line in &mut lines {
        let text = |x: Option<&f64>| x.map_or(String::new(), |&x| form.number(x));
        // A condition may end before the others do.
        let end = line.values.iter().rfind(|x| x.is_finite()).or(line.values.last());
        (line.first, line.last) = (text(line.values.first()), text(end));
    }
    curves.lines = lines;
    curves
}

/// `alignment on train (deg)`
pub fn title(measure: &MeasureTrace) -> String {
    let on = if measure.on.is_empty() { String::new() } else { format!(" on {}", measure.on) };
    let unit = if matches!(measure.unit.as_str(), "" | "1") { String::new() } else { format!(" ({})", measure.unit) };
    format!("{}{on}{unit}", measure.name)
}

/// At every moment, the mean over the seeds that have a value there, and its interval.
fn line(condition: &ConditionTrace, measure: &MeasureTrace, at: &[u64]) -> Curve {
    let places: Vec<Option<usize>> = at.iter().map(|t| measure.at.binary_search(t).ok()).collect();
    let value = |seed: &[f64], place: &Option<usize>| place.and_then(|i| seed.get(i).copied()).unwrap_or(f64::NAN);
    let seeds: Vec<Vec<f64>> =
        measure.values.iter().map(|v| places.iter().map(|place| value(v, place)).collect()).collect();
    let all: Vec<(f64, Option<f64>)> =
        (0..at.len()).map(|i| estimate(seeds.iter().filter_map(|v: &Vec<f64>| v.get(i)).copied())).collect();
    let end = |sign: f64| -> Vec<f64> { all.iter().map(|(m, h)| h.map_or(f64::NAN, |h| m + sign * h)).collect() };
    let bands = all.iter().any(|(_, half)| half.is_some());
    Curve {
        label: condition.name.clone(),
        values: all.iter().map(|(mean, _)| *mean).collect(),
        low: if bands { end(-1.0) } else { vec![] },
        high: if bands { end(1.0) } else { vec![] },
        seeds: condition.seeds.iter().copied().zip(seeds).collect(),
        ..Curve::default()
    }
}

/// The most rows that the numbers behind a picture have.
const ROWS: usize = 41;

/// The numbers behind the curves: a row a moment, some of them where they are many.
fn moments(measure: &MeasureTrace, at: &[u64], lines: &[Curve]) -> Table {
    let count = at.len();
    let step = count.saturating_sub(1).div_ceil(ROWS - 1).max(1);
    let rows: Vec<usize> = (0..count).filter(|i| i.is_multiple_of(step) || i + 1 == count).collect();
    let mut columns = vec![Column { title: measure.every.clone(), subtitle: String::new(), number: true }];
    let mut cells: Vec<Vec<String>> = vec![rows.iter().map(|&i| at[i].to_string()).collect()];
    for line in lines {
        let half = |i: usize| line.high.get(i).map(|h| h - line.values[i]).filter(|h| h.is_finite());
        cells.push(self::cells(&rows.iter().map(|&i| (line.values[i], half(i))).collect::<Vec<_>>()));
        let title = if line.label.is_empty() { measure.name.clone() } else { line.label.clone() };
        columns.push(Column { title, subtitle: String::new(), number: true });
    }
    let rows = (0..rows.len()).map(|row| cells.iter().map(|c| c[row].clone()).collect()).collect();
    let every = match step {
        1 => String::new(),
        n => format!(" One row in {n}; `--format json` has all."),
    };
    let seeds = if lines.iter().any(|l| !l.low.is_empty()) {
        "Mean ± half of the 95 % interval over seeds."
    } else {
        "One seed."
    };
    Table { columns, rows, caption: format!("{seeds}{every}") }
}

fn failures(experiment: &ExperimentTrace) -> Vec<String> {
    let mut all = Vec::new();
    for condition in &experiment.conditions {
        let arm = if condition.name.is_empty() { String::new() } else { format!("{}, ", condition.name) };
        for fault in &condition.faults {
            all.push(format!("{arm}seed {} ended at step {}: {}", fault.seed, fault.step, fault.message));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_written_alike() {
        let form = Form::of(&[0.96821, 0.95113], &[Some(0.0031), Some(0.0042)]);
        assert_eq!(form, Form::Fixed(4));
        assert_eq!(form.cell(0.96821, Some(0.0031)), "0.9682 ± 0.0031");
        assert_eq!(Form::of(&[3.0, 12.0], &[None, None]), Form::Fixed(0));
        assert_eq!(Form::of(&[1e-9], &[Some(1e-10)]).cell(1e-9, Some(1e-10)), "1.00e-9 ± 1.0e-10");
        assert_eq!(Form::of(&[f64::NAN], &[None]).cell(f64::NAN, None), "none");
        assert_eq!(Form::of(&[0.0, 52.3], &[Some(1e-9), Some(2.9)]).cell(52.3, Some(2.9)), "52.3 ± 2.9");
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(thousands(4810), "4,810");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(12), "12");
        assert_eq!(duration(1.94), "1.9 s");
        assert_eq!(duration(250.0), "4 min 10 s");
        assert_eq!(duration(f64::NAN), "unknown");
    }
}
