//! Rules seen against the gradient: bias against variance (Richards et al. 2019, figure 2), directions (figure 3).
//!
//! What is drawn follows from the shape of the data alone: a measure in degrees is a direction, and beside a measure without a
//! unit and without a bound it makes points.

use super::Facts;
use super::blocks::{Arrows, Block, Column, Point, Points, Table};
use super::experiments::{cells, last, measures, title};
use crate::run::trace::{ExperimentTrace, MeasureTrace};

/// Fewer conditions than this are compared more easily in a table.
const FEWEST_POINTS: usize = 3;
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
