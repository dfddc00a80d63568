//! Plots as SVG, made by kuva. Colours are CSS variables of the page, so that they follow light, dark and paper.
//!
//! Lines are told apart by dashes as well as by colour, points by shape.

use crate::report::blocks::{Arrows, Curve, Curves, Points};
use kuva::backend::svg::SvgBackend;
use kuva::plot::line::LineStyle;
use kuva::plot::scatter::MarkerShape;
use kuva::plot::{BandPlot, LinePlot, ScatterPlot};
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;
use kuva::render::theme::Theme;
use std::fmt::Write;

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 290.0;
/// Colours of the page that lines take in turn: `--c0` to `--c5`.
const COLORS: usize = 6;
const DASHES: [&str; 4] = ["", "8 4", "2 3", "9 3 2 3"];
const MARKS: [MarkerShape; 7] = [
    MarkerShape::Circle,
    MarkerShape::Square,
    MarkerShape::Triangle,
    MarkerShape::Diamond,
    MarkerShape::TriangleDown,
    MarkerShape::Pentagon,
    MarkerShape::Star,
];
/// More points than this on a line cannot be seen.
const POINTS: usize = 240;
/// More lines than this of single seeds cannot be told apart.
const SEEDS: usize = 400;
/// Larger numbers are left out of pictures.
const LARGEST: f64 = 1e12;

fn color(i: usize) -> String {
    format!("var(--c{})", i % COLORS)
}

fn dash(i: usize) -> &'static str {
    DASHES[(i + i / 12) % DASHES.len()]
}

fn mark(i: usize) -> MarkerShape {
    MARKS[(i + i / (COLORS * MARKS.len())) % MARKS.len()]
}

/// Means with bands.
pub fn curves(c: &Curves, id: &str) -> String {
    let mut plots: Vec<Plot> = Vec::new();
    for (i, line) in c.lines.iter().enumerate() {
        plots.extend(bands(c, line, i));
    }
    for (i, line) in c.lines.iter().enumerate() {
        plots.extend(lines(c, &line.values, i, 2.2));
    }
    framed(plots, id, &format!("{}, a line a condition", c.title), (&c.every, ""))
}

/// The course of every seed; None if there is but one, or there are too many.
pub fn seeds(c: &Curves, id: &str) -> Option<String> {
    let count: usize = c.lines.iter().map(|l| l.seeds.len()).sum();
    if count > SEEDS || c.lines.iter().all(|l| l.seeds.len() < 2) {
        return None;
    }
    let mut plots: Vec<Plot> = Vec::new();
    for (i, line) in c.lines.iter().enumerate() {
        for (_, values) in &line.seeds {
            plots.extend(lines(c, values, i, 0.9));
        }
    }
    Some(framed(plots, id, &format!("{}, a line a seed", c.title), (&c.every, "")))
}

/// The moments that are drawn: all, or some of many and the last.
fn drawn(count: usize) -> impl Iterator<Item = usize> {
    let step = count.div_ceil(POINTS).max(1);
    (0..count).filter(move |i| i.is_multiple_of(step) || i + 1 == count)
}

fn sound(x: f64) -> bool {
    x.is_finite() && x.abs() < LARGEST
}

/// A line in pieces, with gaps where there is no value.
fn lines(c: &Curves, values: &[f64], i: usize, width: f64) -> Vec<Plot> {
    let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for at in drawn(values.len().min(c.at.len())) {
        match (sound(values[at]), pieces.last_mut()) {
            (true, Some(last)) => last.push((c.at[at] as f64, values[at])),
            (false, Some(last)) if !last.is_empty() => pieces.push(Vec::new()),
            _ => {}
        }
    }
    let style = if dash(i).is_empty() { LineStyle::Solid } else { LineStyle::Custom(dash(i).into()) };
    let plot = |points| LinePlot::new().with_data::<f64, f64, Vec<(f64, f64)>>(points).with_color(color(i));
    let plot = |points| plot(points).with_stroke_width(width).with_line_style(style.clone()).into();
    pieces.into_iter().filter(|p| !p.is_empty()).map(plot).collect()
}

fn bands(c: &Curves, line: &Curve, i: usize) -> Option<Plot> {
    let count = line.low.len().min(line.high.len()).min(c.at.len());
    let there: Vec<usize> = drawn(count).filter(|&at| sound(line.low[at]) && sound(line.high[at])).collect();
    if there.len() < 2 {
        return None;
    }
    let of = |values: &[f64]| there.iter().map(|&at| values[at]).collect::<Vec<f64>>();
    let x: Vec<f64> = there.iter().map(|&at| c.at[at] as f64).collect();
    Some(BandPlot::new(x, of(&line.low), of(&line.high)).with_color(color(i)).with_opacity(0.22).into())
}

/// Conditions between two measures.
pub fn points(p: &Points, id: &str) -> String {
    let up = |y: f64| if p.log { y.max(p.floor).log10() } else { y };
    let mut plots: Vec<Plot> = Vec::new();
    for (i, point) in p.points.iter().enumerate().filter(|(_, q)| sound(q.x) && sound(q.y)) {
        let at = (point.x, up(point.y));
        let mut plot = ScatterPlot::new().with_data(vec![at]).with_color(color(i)).with_marker(mark(i)).with_size(5.0);
        if let Some((low, high)) = point.x_ends.filter(|e| sound(e.0) && sound(e.1)) {
            plot = plot.with_x_err_asymmetric(vec![(point.x - low, high - point.x)]);
        }
        if let Some((low, high)) = point.y_ends.filter(|e| sound(e.0) && sound(e.1)) {
            plot = plot.with_y_err_asymmetric(vec![(at.1 - up(low), up(high) - at.1)]);
        }
        plots.push(plot.into());
    }
    let shown: Vec<_> = p.points.iter().filter(|q| sound(q.x) && sound(q.y)).collect();
    let names = ScatterPlot::new()
        .with_data(shown.iter().map(|q| (q.x, up(q.y))).collect::<Vec<_>>())
        .with_labels(shown.iter().map(|q| q.label.clone()))
        .with_repel_labels()
        .with_size(0.1)
        .with_color("none");
    plots.push(names.into());
    let power = |v: f64| if v.fract().abs() < 1e-9 { format!("1e{v}") } else { String::new() };
    let format = if p.log { TickFormat::Custom(std::sync::Arc::new(power)) } else { TickFormat::Auto };
    let ends = shown.iter().flat_map(|q| q.x_ends.map_or([q.x, q.x], |e| [e.0, e.1])).filter(|x| sound(*x));
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    let labels = (p.across.as_str(), p.up.as_str());
    framed_as(plots, id, &format!("{}, a point a condition", p.title), labels, |l| {
        // Room for marks at the edge.
        let l = if high > low { l.with_x_axis_min(low - 0.05 * (high - low)) } else { l };
        l.with_y_tick_format(format)
    })
}

/// Directions in the half plane above the one that they are compared with.
pub fn arrows(a: &Arrows, id: &str) -> String {
    let mut plots: Vec<Plot> = Vec::new();
    let arc: Vec<(f64, f64)> = (0..=60).map(|i| f64::from(i).to_radians() * 3.0).map(|t| (t.cos(), t.sin())).collect();
    plots.push(LinePlot::new().with_data(arc).with_color("var(--grid)").with_stroke_width(1.0).into());
    for (i, (_, degrees)) in a.arrows.iter().enumerate().filter(|(_, x)| sound(x.1)) {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let barb = |turn: f64| {
            let t = degrees.to_radians() + turn;
            (cos - 0.07 * t.cos(), sin - 0.07 * t.sin())
        };
        let style = if dash(i).is_empty() { LineStyle::Solid } else { LineStyle::Custom(dash(i).into()) };
        let shaft = LinePlot::new().with_data(vec![(0.0, 0.0), (cos, sin)]).with_line_style(style);
        plots.push(shaft.with_color(color(i)).with_stroke_width(2.4).into());
        let head = LinePlot::new().with_data(vec![barb(0.4), (cos, sin), barb(-0.4)]);
        plots.push(head.with_color(color(i)).with_stroke_width(2.4).into());
    }
    let backwards = a.arrows.iter().any(|x| x.1 > 90.0);
    let left = if backwards { -1.1 } else { 0.0 };
    framed_as(plots, id, &format!("{}, an arrow a condition", a.title), ("along", "across"), |l| {
        l.with_x_axis_min(left).with_x_axis_max(1.1).with_y_axis_min(-0.1).with_y_axis_max(1.1).with_equal_aspect()
    })
}

fn framed(plots: Vec<Plot>, id: &str, title: &str, labels: (&str, &str)) -> String {
    framed_as(plots, id, title, labels, |l| l)
}

fn framed_as(
    plots: Vec<Plot>,
    id: &str,
    title: &str,
    labels: (&str, &str),
    change: impl FnOnce(Layout) -> Layout,
) -> String {
    if plots.is_empty() {
        return "<p class=\"empty\">nothing that could be drawn</p>".into();
    }
    let theme = Theme {
        background: "none".into(),
        axis_color: "var(--faint)".into(),
        grid_color: "var(--grid)".into(),
        tick_color: "var(--faint)".into(),
        text_color: "currentColor".into(),
        legend_bg: "none".into(),
        legend_border: "none".into(),
        ..Theme::light()
    };
    let mut layout = Layout::auto_from_plots(&plots).with_theme(theme).with_width(WIDTH).with_height(HEIGHT);
    if !labels.0.is_empty() {
        layout = layout.with_x_label(labels.0);
    }
    if !labels.1.is_empty() {
        layout = layout.with_y_label(labels.1);
    }
    let scene = render_multiple(plots, change(layout));
    adapted(&SvgBackend::new().render_scene(&scene), id, title)
}

/// The picture as the page needs it: scalable, named for those who do not see it, with names of its own for its parts.
fn adapted(svg: &str, id: &str, title: &str) -> String {
    let size = |name: &str| {
        let from = svg.find(&format!(" {name}=\"")).map(|i| i + name.len() + 3)?;
        svg[from..].split('"').next()?.parse::<f64>().ok()
    };
    let (width, height) = (size("width").unwrap_or(WIDTH), size("height").unwrap_or(HEIGHT));
    let body = svg.find('>').map_or("", |i| &svg[i + 1..]);
    let body = body.replace("kuva-clip-", &format!("{id}-clip-"));
    let title = crate::report::diagram::escape(title);
    format!(
        "<svg class=\"plot\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"{id}-title\"><title id=\"{id}-title\">{title}</title>{}",
        short_numbers(&body)
    )
}

/// Coordinates with two decimals, which is finer than a screen; texts are left alone.
fn short_numbers(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut inside = false;
    let mut letters = svg.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        inside = match c {
            '<' => true,
            '>' => false,
            _ => inside,
        };
        out.push(c);
        if !(inside && c == '.') {
            continue;
        }
        let digits = svg[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        out.push_str(&svg[at + 1..at + 1 + digits.min(2)]);
        (0..digits).for_each(|_| {
            letters.next();
        });
    }
    out
}

/// How the line or the point of one condition looks.
pub fn swatch(i: usize, point: bool) -> String {
    let mut out = "<svg class=\"swatch\" viewBox=\"0 0 34 12\" aria-hidden=\"true\">".to_string();
    let color = color(i);
    if point {
        let shape = match mark(i) {
            MarkerShape::Square => "<path d=\"M12 1.5h9v9h-9z\"/>",
            MarkerShape::Triangle => "<path d=\"M17 1l5.5 10h-11z\"/>",
            MarkerShape::Diamond => "<path d=\"M17 0.5l5 5.5-5 5.5-5-5.5z\"/>",
            MarkerShape::TriangleDown => "<path d=\"M17 11l5.5-10h-11z\"/>",
            MarkerShape::Pentagon => "<path d=\"M17 1l5 3.8-1.9 6h-6.2l-1.9-6z\"/>",
            MarkerShape::Star => "<path d=\"M17 0.5l1.5 4h4l-3.2 2.6 1.2 4.2-3.5-2.5-3.5 2.5 1.2-4.2-3.2-2.6h4z\"/>",
            _ => "<circle cx=\"17\" cy=\"6\" r=\"4.8\"/>",
        };
        let _ = write!(out, "<g fill=\"{color}\">{shape}</g>");
    } else {
        let dashes = if dash(i).is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", dash(i)) };
        let _ = write!(out, "<path d=\"M1 6H33\" stroke=\"{color}\" stroke-width=\"3\"{dashes}/>");
    }
    out + "</svg>"
}
