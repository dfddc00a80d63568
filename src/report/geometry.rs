//! Rules seen against the gradient: bias against variance (Richards et al. 2019, figure 2), directions (figure 3).
//!
//! What is drawn follows from the shape of the data alone: a measure in degrees is a direction, and beside a measure without a
//! unit and without a bound it makes points.

use super::Facts;
use super::blocks::{Arrows, Block, Column, Point, Points, Table};
use super::experiments::{cells, every_measure, last, measures, title};
use crate::model::implied::ALONG_GRADIENT;
use crate::run::trace::{ExperimentTrace, MeasureTrace};

/// Fewer conditions than this are compared more easily in a table.
const FEWEST_POINTS: usize = 3;
/// How the names of measures of a single population begin.
pub const INTO: &str = "cosine_to_gradient.";
/// Decades that a scale in powers of ten shows.
const DECADES: i32 = 7;

pub fn section(facts: &Facts) -> Vec<Block> {
    let mut blocks = Vec::new();
    for experiment in &facts.trace.experiments {
        let all = measures(experiment);
        let (angles, others): (Vec<&MeasureTrace>, Vec<&MeasureTrace>) = all.iter().partition(|m| m.unit == "deg");
        for angle in &angles {
            for other in others.iter().filter(|m| open(facts, experiment, m) && same_moment(m, angle)) {
                blocks.extend(points(experiment, angle, other).map(Block::Points));
            }
        }
        for angle in &angles {
            blocks.extend(arrows(experiment, angle).map(Block::Arrows));
        }
        for cosine in all.iter().filter(|m| m.name == ALONG_GRADIENT) {
            blocks.extend(along_gradient(experiment, cosine).map(Block::Arrows));
            blocks.extend(into_each(experiment).map(Block::Table));
        }
    }
    if !blocks.is_empty() {
        let heading = Block::Heading { title: "directions of learning".into(), aside: "after training".into() };
        blocks.insert(0, heading);
    }
    blocks
}

/// Whether a measure is a pure number without an upper bound.
fn open(facts: &Facts, experiment: &ExperimentTrace, measure: &MeasureTrace) -> bool {
    let range = facts.spec.ranges.iter().find(|r| r.0 == experiment.name && r.1 == measure.name);
    matches!(measure.unit.as_str(), "" | "1") && range.is_none_or(|r| r.2.1.is_infinite())
}

fn same_moment(a: &MeasureTrace, b: &MeasureTrace) -> bool {
    a.on == b.on && a.every == b.every && a.at.last() == b.at.last()
}

fn column(title: &str, subtitle: String, number: bool) -> Column {
    Column { title: title.into(), subtitle, number }
}

fn names(experiment: &ExperimentTrace) -> Vec<String> {
    let name = |n: &String| if n.is_empty() { experiment.name.clone() } else { n.clone() };
    experiment.conditions.iter().map(|c| name(&c.name)).collect()
}

fn points(experiment: &ExperimentTrace, angle: &MeasureTrace, other: &MeasureTrace) -> Option<Points> {
    let (x, y, names) = (last(experiment, &angle.name), last(experiment, &other.name), names(experiment));
    let ends = |(mean, half): (f64, Option<f64>)| half.map(|h| (mean - h, mean + h));
    // Student's interval does not know that an angle ends.
    let turn = |x: (f64, Option<f64>)| ends(x).map(|(low, high)| (low.max(x.0.min(0.0)), high.min(x.0.max(180.0))));
    let points: Vec<Point> = (0..names.len())
        .filter(|&i| x[i].0.is_finite() && y[i].0.is_finite())
        .map(|i| Point { label: names[i].clone(), x: x[i].0, y: y[i].0, x_ends: turn(x[i]), y_ends: ends(y[i]) })
        .collect();
    if points.len() < FEWEST_POINTS {
        return None;
    }
    let positive = |f: fn(f64, f64) -> f64, start| points.iter().map(|p| p.y).filter(|y| *y > 0.0).fold(start, f);
    let (least, most) = (positive(f64::min, f64::INFINITY), positive(f64::max, 0.0));
    let log = most > 0.0 && most / least > 100.0 && points.iter().all(|p| p.y >= 0.0);
    let floor = least.max(10f64.powi(most.log10().ceil() as i32 - DECADES));
    let floor = 10f64.powf(floor.log10().floor());
    let across = cells(&x);
    // Decimals that suit one row say nothing in another where rows differ by powers of ten.
    let up = if log { y.iter().flat_map(|e| cells(std::slice::from_ref(e))).collect() } else { cells(&y) };
    let rows = (0..names.len()).map(|i| vec![names[i].clone(), across[i].clone(), up[i].clone()]).collect();
    let mut caption = "Means over seeds with 95 % intervals.".to_string();
    if log && points.iter().any(|p| p.y < floor) {
        caption += &format!(" What lies below {floor:e} is drawn there.");
    }
    Some(Points {
        title: format!("{} against {}", other.name, angle.name),
        across: title(angle),
        up: title(other),
        log,
        floor: if log { floor } else { 0.0 },
        points,
        caption,
        table: Table {
            columns: vec![
                column("condition", String::new(), false),
                column(&angle.name, angle.unit.clone(), true),
                column(&other.name, String::new(), true),
            ],
            rows,
            caption: String::new(),
        },
    })
}

fn arrows(experiment: &ExperimentTrace, angle: &MeasureTrace) -> Option<Arrows> {
    let (found, names) = (last(experiment, &angle.name), names(experiment));
    let arrows: Vec<(String, f64)> =
        names.iter().zip(&found).filter(|(_, x)| x.0.is_finite()).map(|(n, x)| (n.clone(), x.0)).collect();
    // An angle beyond these is one that turns, and no direction.
    if arrows.is_empty() || arrows.iter().any(|(_, a)| !(-0.5..=180.5).contains(a)) {
        return None;
    }
    let texts = cells(&found);
    let rows = names
        .iter()
        .zip(&found)
        .zip(texts)
        .map(|((name, &(mean, half)), text)| {
            let share = |x: f64| if x.is_finite() { format!("{x:.2}") } else { String::new() };
            let turn = mean.to_radians();
            vec![name.clone(), text, share(turn.cos()), share(turn.sin()), word(mean, half).into()]
        })
        .collect();
    Some(Arrows {
        title: title(angle),
        arrows,
        caption: "Each arrow has length one and lies at the condition's mean angle to the direction that it is measured against, \
                  which points to the right. Below 90 deg a small step moves along that direction."
            .into(),
        table: Table {
            columns: vec![
                column("condition", String::new(), false),
                column(&angle.name, angle.unit.clone(), true),
                column("along", "cosine".into(), true),
                column("across", "sine".into(), true),
                column("so it", "at 95 %".into(), false),
            ],
            rows,
            caption: String::new(),
        },
    })
}

/// Of every condition, whether what its rule does at the end follows the gradient; None where that is not measured.
pub fn follows(experiment: &ExperimentTrace) -> Vec<Option<&'static str>> {
    let found = last(experiment, ALONG_GRADIENT);
    found.into_iter().map(|(mean, half)| Some(class(mean, half)).filter(|c| !c.is_empty())).collect()
}

/// Arrows again, of the cosine that is measured unasked.
fn along_gradient(experiment: &ExperimentTrace, cosine: &MeasureTrace) -> Option<Arrows> {
    let (found, names) = (last(experiment, &cosine.name), names(experiment));
    let degrees = |x: f64| x.clamp(-1.0, 1.0).acos().to_degrees();
    let told = || names.iter().zip(&found).filter(|(_, x)| x.0.is_finite());
    told().next()?;
    let row = |((name, &(mean, half)), text): ((&String, &(f64, Option<f64>)), String)| {
        let angle = if mean.is_finite() { format!("{:.1}", degrees(mean)) } else { String::new() };
        vec![name.clone(), text, angle, class(mean, half).into()]
    };
    Some(Arrows {
        title: title(cosine),
        arrows: told().map(|(name, x)| (name.clone(), degrees(x.0))).collect(),
        caption:
            "What each rule hands to its optimizers for all weights of hidden populations, beside the descent of the \
                  objective, which points to the right. Below 90 deg it follows the gradient, if not at 0 deg in part."
                .into(),
        table: Table {
            columns: vec![
                column("condition", String::new(), false),
                column(&cosine.name, String::new(), true),
                column("angle", "deg".into(), true),
                column("so it", "at 95 %".into(), false),
            ],
            rows: names.iter().zip(&found).zip(cells(&found)).map(row).collect(),
            caption: String::new(),
        },
    })
}

/// The same over the weights into each of several hidden populations: the last ones may follow where the first do not.
fn into_each(experiment: &ExperimentTrace) -> Option<Table> {
    let mut rows = Vec::new();
    for measure in every_measure(experiment) {
        let Some(population) = measure.name.strip_prefix(INTO) else { continue };
        let found = last(experiment, &measure.name);
        for ((name, &(mean, half)), text) in names(experiment).into_iter().zip(&found).zip(cells(&found)) {
            if mean.is_finite() {
                rows.push(vec![name, population.to_string(), text, class(mean, half).into()]);
            }
        }
    }
    if rows.is_empty() {
        return None;
    }
    let of = names(experiment);
    rows.sort_by_key(|r| of.iter().position(|n| *n == r[0]));
    let columns = vec![
        column("condition", String::new(), false),
        column("into", String::new(), false),
        column(ALONG_GRADIENT, String::new(), true),
        column("so it", "at 95 %".into(), false),
    ];
    Some(Table { columns, rows, caption: "Of the weights into each hidden population by themselves.".into() })
}

/// What a cosine to the descent and half of its interval tell: the classes of figure 3, and what is against them.
fn class(mean: f64, half: Option<f64>) -> &'static str {
    let Some(half) = half else { return word(mean, None) };
    match () {
        _ if mean.is_nan() => "",
        _ if mean - half > 1f64.to_radians().cos() => "follows",
        _ if mean - half > 0.0 => "follows in part",
        _ if mean + half < 0.0 => "opposes",
        _ => "is not told from orthogonal",
    }
}

/// What an angle and half of its interval tell.
fn word(mean: f64, half: Option<f64>) -> &'static str {
    let Some(half) = half else { return if mean.is_finite() { "is not told by one seed" } else { "" } };
    match () {
        _ if mean.is_nan() => "",
        _ if mean + half < 1.0 => "follows",
        _ if mean + half < 90.0 => "follows in part",
        _ if mean - half > 90.0 => "opposes",
        _ => "is not told from orthogonal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Facts, json, markdown, summarize};
    use crate::run::trace::{ConditionTrace, Trace};

    /// Two conditions with these cosines in three seeds: of all hidden weights, and of those into one population.
    fn trace() -> Trace {
        let condition = |name: &str, values: [f64; 3]| ConditionTrace {
            name: name.into(),
            settings: vec![],
            seeds: vec![0, 1, 2],
            measures: [(ALONG_GRADIENT, 0.0), ("cosine_to_gradient.lower", -0.6)]
                .map(|(name, off)| MeasureTrace {
                    name: name.into(),
                    unit: "1".into(),
                    on: "test".into(),
                    every: "epoch".into(),
                    at: vec![0, 5],
                    values: values.iter().map(|v| vec![0.0, v + off]).collect(),
                })
                .to_vec(),
            parameters: 10,
            seconds: 1.0,
            faults: vec![],
        };
        let conditions = vec![condition("straight", [1.0, 1.0, 1.0]), condition("askew", [0.5, 0.4, 0.6])];
        let experiment = ExperimentTrace { name: "x".into(), conditions, notes: vec![], tuning: None };
        Trace { experiments: vec![experiment], interrupted: false }
    }

    #[test]
    fn the_class_of_every_condition_is_told_unasked() {
        assert_eq!(follows(&trace().experiments[0]), [Some("follows"), Some("follows in part")]);
        let report = summarize(Default::default(), trace(), vec![], Default::default());
        let page = markdown(&report);
        assert!(page.contains("| straight | 1.00 ± 0.00 | 0.0 | follows |"), "{page}");
        assert!(page.contains("| askew | 0.50 ± 0.25 | 60.0 | follows in part |"), "{page}");
        assert!(page.contains("| askew | lower | -0.10 ± 0.25 | is not told from orthogonal |"), "{page}");
        let found = json(&report);
        let of = |i: usize| found["experiments"][0]["conditions"][i]["follows"].clone();
        assert_eq!((of(0), of(1)), ("follows".into(), "follows in part".into()));
        assert!(!super::super::terminal(&report, 100, false).contains("lower"), "the short report has one number");
    }

    #[test]
    fn one_seed_and_no_measure_tell_nothing() {
        assert_eq!(class(0.3, None), "is not told by one seed");
        assert_eq!(class(f64::NAN, None), "");
        assert_eq!(class(-0.5, Some(0.1)), "opposes");
        assert!(section(&Facts::default()).is_empty());
    }
}
