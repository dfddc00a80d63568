//! Comparisons that are not controlled: arms of an expectation that differ in more than the one thing that is compared.
//!
//! Every two arms are set side by side, of one experiment or of two. The first thing in which they differ is taken to be what
//! is compared; all others are confounds.

use super::differ::{Difference, Pair, Placed, Written};
use super::hypothesis::{Ask, Asked};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::{Experiment, Item, ItemKind};
use crate::judge::{Expectation, Moment, Term};
use crate::source::Span;
use crate::syntax::ast::{Expr, Train};
use crate::syntax::print::expr_text;
use std::rc::Rc;

/// Of more arms than this, the points of a sweep, each is compared with the first and the next, and they may differ in all
/// that varies.
const MOST: usize = 40;
/// What is compared is looked for in this order, before all other settings.
const FIRST: [&str; 4] = ["rule", "architecture", "objective", "task"];
/// These say how much is run and how something is chosen, not what is trained.
const ASIDE: [&str; 3] = ["seeds", "tuning", "tuning_seeds"];
/// What holds where nothing is said.
const DEFAULTS: [(&str, &str); 3] = [("train", "10 epochs"), ("batch", "32"), ("precision", "float32")];
const LONGEST: usize = 60;
/// Of more confounds than this, the rest are counted.
const MOST_TOLD: usize = 8;

/// Two arms that an expectation compares.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    pub arms: (String, String),
    /// What differs, and is compared: its name, and what it is in each arm. None where the texts are the same.
    pub by: Option<(String, String, String)>,
    /// What differs besides.
    pub besides: Vec<String>,
}

struct Arm<'a> {
    known: &'a Asked,
    item: &'a Rc<Item>,
    text: &'a Experiment,
    condition: usize,
    read: Vec<(String, Moment)>,
}

/// A confound, with the arms in which it was found first.
struct Told {
    d: Difference,
    arms: (String, String),
    /// They are of two experiments.
    across: bool,
}

/// What a pair of arms came to.
struct Found {
    arms: (usize, usize),
    all: Vec<Difference>,
}

impl<'a> Ask<'a> {
    pub(super) fn controlled(&mut self, x: &Expectation, span: Span) {
        let mut read = Vec::new();
        series(&x.left, &mut read);
        series(&x.right, &mut read);
        let Some(arms) = read.into_iter().map(|r| self.arm(r)).collect::<Option<Vec<Arm>>>() else { return };
        let many = arms.len() > MOST;
        let near = |i: usize, j: usize| !many || j == i + 1 || i == 0;
        let pairs = (0..arms.len()).flat_map(|i| (i + 1..arms.len()).map(move |j| (i, j)));
        let pairs: Vec<(usize, usize)> = pairs.filter(|(i, j)| near(*i, *j)).collect();
        let all: Vec<Found> =
            pairs.into_iter().map(|(i, j)| Found { arms: (i, j), all: self.differences(&arms[i], &arms[j]) }).collect();
        let across = arms.iter().any(|a| a.known.name != arms[0].known.name);
        let mut told: Vec<Told> = Vec::new();
        for found in &all {
            let (a, b) = (&arms[found.arms.0], &arms[found.arms.1]);
            let names = (a.name(across), b.name(across));
            let stepped = many || stepped(found, &all);
            let first = found.all.iter().position(|d| !d.within);
            let beyond = |(i, d): &(usize, &Difference)| Some(*i) != first && (d.within || !stepped);
            let confounds: Vec<&Difference> = found.all.iter().enumerate().filter(beyond).map(|(_, d)| d).collect();
            for d in &confounds {
                let known = |t: &Told| t.d.path == d.path && t.d.left.1 == d.left.1 && t.d.right.1 == d.right.1;
                if !told.iter().any(known) {
                    told.push(Told { d: (*d).clone(), arms: names.clone(), across: a.known.name != b.known.name });
                }
            }
            let compared = Compared {
                arms: names,
                by: first.map(|i| &found.all[i]).map(|d| (d.name.clone(), short(&d.left.1), short(&d.right.1))),
                besides: confounds.iter().map(|d| d.name.clone()).collect(),
            };
            if (many || !stepped) && !self.compared.contains(&compared) {
                self.compared.push(compared);
            }
        }
        self.diags.extend(confounded(&told, span));
    }

    fn arm(&self, (name, condition, read): Read) -> Option<Arm<'a>> {
        let known = self.asked.iter().find(|k| k.name == name && !k.damaged)?;
        let item = self.program.lookup(self.item.module, &name)?;
        let ItemKind::Experiment(text) = &item.kind else { return None };
        (condition < known.conditions.len()).then_some(Arm { known, item, text, condition, read })
    }

    fn differences(&self, a: &Arm<'a>, b: &Arm<'a>) -> Vec<Difference> {
        let (left, right) = (a.written(), b.written());
        let mut pair = Pair { program: self.program, left, right, found: vec![], renamed: false };
        let names = settings(a.text).into_iter().chain(settings(b.text));
        let mut names: Vec<String> = names.map(|s| s.name).collect();
        names.sort_by_key(|n| FIRST.iter().position(|f| f == n).unwrap_or(FIRST.len()));
        let mut seen: Vec<String> = Vec::new();
        // Whether names have changed with what they name is known from these.
        for name in ["task", "architecture"].into_iter().map(String::from).chain(names) {
            if seen.contains(&name) || ASIDE.contains(&name.as_str()) {
                continue;
            }
            self.setting(&name, a, b, &mut pair);
            let other = |d: &Difference| d.things.is_some() && ["task", "architecture"].contains(&d.path.as_str());
            pair.renamed |= pair.found.iter().any(other);
            seen.push(name);
        }
        for (name, moment) in &a.read {
            if b.read.iter().any(|r| r.0 == *name) {
                self.measure(name, *moment, a, b, &mut pair);
            }
        }
        let mut found = std::mem::take(&mut pair.found);
        found.sort_by_key(|d| FIRST.iter().position(|f| d.path.split('/').next() == Some(f)).unwrap_or(FIRST.len()));
        self.architectures(a, b, &pair, &mut found);
        found
    }

    fn setting(&self, name: &str, a: &Arm<'a>, b: &Arm<'a>, pair: &mut Pair<'a>) {
        let of = |arm: &Arm<'a>| settings(arm.text).into_iter().find(|s| s.name == name);
        let (left, right) = (of(a), of(b));
        if let (Some(Setting { e: Some(l), .. }), Some(Setting { e: Some(r), .. })) = (&left, &right) {
            let (l, r) = (Placed { e: l, module: a.item.module }, Placed { e: r, module: b.item.module });
            return pair.value(name, l, r, false);
        }
        let side = |s: Option<Setting>, arm: &Arm| match s {
            Some(Setting { span, e: Some(e), .. }) => (span, expr_text(e)),
            Some(s) => (s.span, s.text),
            None => {
                let default = DEFAULTS.iter().find(|d| d.0 == name).map_or("none", |d| d.1);
                (arm.item.name_span, default.to_string())
            }
        };
        let (left, right) = (side(left, a), side(right, b));
        pair.said(name, left, right);
    }

    /// A measure that both arms are judged by.
    fn measure(&self, name: &str, moment: Moment, a: &Arm<'a>, b: &Arm<'a>, pair: &mut Pair<'a>) {
        let of = |arm: &Arm<'a>| arm.text.measures.iter().find(|m| m.name.name == name);
        let (Some(l), Some(r)) = (of(a), of(b)) else { return };
        let path = format!("measure {name}");
        if !pair.renamed {
            let (x, y) = (Placed { e: &l.value, module: a.item.module }, Placed { e: &r.value, module: b.item.module });
            pair.value(&path, x, y, false);
            let with = |m: &crate::ir::Measure| {
                let one =
                    |a: &crate::syntax::ast::Assign| format!("{} = {}", expr_text(&a.target), expr_text(&a.value));
                m.with.iter().map(one).collect::<Vec<_>>().join(", ")
            };
            pair.said(&format!("{path}/with"), (l.span, with(l)), (r.span, with(r)));
        }
        let on = |m: &crate::ir::Measure| m.on.as_ref().map_or("test".to_string(), |n| n.name.clone());
        pair.said(&format!("{path}/on"), (l.span, on(l)), (r.span, on(r)));
        // The best of more looks is better.
        if !matches!(moment, Moment::First | Moment::Last) {
            let every = |m: &crate::ir::Measure| {
                m.every
                    .as_ref()
                    .map_or("1 epoch".to_string(), |e| format!("{} {}", e.count, e.unit.name.trim_end_matches('s')))
            };
            pair.said(&format!("{path}/every"), (l.span, every(l)), (r.span, every(r)));
        }
    }

    /// How many parameters the arms have, where that does not follow from what is compared; and of two architectures, how
    /// their weights are drawn at first.
    fn architectures(&self, a: &Arm<'a>, b: &Arm<'a>, pair: &Pair<'a>, found: &mut Vec<Difference>) {
        let things = found.iter().find(|d| d.path == "architecture").and_then(|d| d.things);
        let (structure, drawn) = match things {
            Some((f, g)) => pair.bodies(self.program.item(f), self.program.item(g)),
            None => (true, None),
        };
        let count = |arm: &Arm| arm.known.parameters.get(arm.condition).copied().flatten();
        let (Some(x), Some(y)) = (count(a), count(b)) else { return };
        let larger = x != y && !found.iter().any(|d| d.size);
        // Two architectures that differ in nothing else are compared by their size, or by their first draws.
        if !structure && usize::from(larger) + usize::from(drawn.is_some()) < 2 {
            return;
        }
        let place = |arm: &Arm| arm.text.settings.get("architecture").map_or(arm.item.name_span, |(e, _)| e.span);
        if larger && !found.is_empty() {
            found.push(Difference {
                path: "parameters".into(),
                name: "parameters".into(),
                left: (place(a), x.to_string()),
                right: (place(b), y.to_string()),
                things: None,
                within: true,
                size: true,
            });
        }
        let path = "initialisation".to_string();
        found.extend(drawn.map(|d| Difference { name: path.clone(), path, ..d }));
    }
}

impl<'a> Arm<'a> {
    fn written(&self) -> Written<'a> {
        let condition = &self.known.conditions[self.condition];
        Written { experiment: self.text, module: self.item.module, condition }
    }

    fn name(&self, across: bool) -> String {
        let (experiment, condition) = (&self.known.name, self.known.conditions[self.condition].name());
        match (across, condition.is_empty()) {
            (_, true) => experiment.clone(),
            (true, _) => format!("{experiment}[{condition}]"),
            _ => condition,
        }
    }
}

/// A setting of an experiment, `train` and its stages among them.
struct Setting<'a> {
    name: String,
    span: Span,
    e: Option<&'a Expr>,
    text: String,
}

fn settings<'x>(x: &'x Experiment) -> Vec<Setting<'x>> {
    let one = |name, e: &'x Expr| Setting { name, span: e.span, e: Some(e), text: String::new() };
    let mut out: Vec<Setting> = x.settings.iter().map(|(name, (e, _))| one(name.clone(), e)).collect();
    match &x.train {
        None => {}
        Some((Train::For(e), _)) => out.push(one("train".into(), e)),
        Some((Train::Stages(stages), span)) => {
            let names: Vec<&str> = stages.iter().map(|s| s.name.name.as_str()).collect();
            out.push(Setting {
                name: "train".into(),
                span: *span,
                e: None,
                text: format!("stages {}", names.join(", ")),
            });
            for s in stages {
                let stage = &s.name.name;
                out.push(one(format!("train/{stage}"), &s.length));
                out.extend(s.settings.iter().map(|a| one(format!("train/{stage}/{}", expr_text(&a.target)), &a.value)));
                if !s.parts.is_empty() {
                    let parts: Vec<&str> = s.parts.iter().map(|p| p.name.as_str()).collect();
                    let text = parts.join(", ");
                    out.push(Setting { name: format!("train/{stage}/with"), span: s.name.span, e: None, text });
                }
            }
        }
    }
    out
}

/// An experiment, a condition of it, and what is read of that.
type Read = (String, usize, Vec<(String, Moment)>);

fn series(t: &Term, out: &mut Vec<Read>) {
    if let Term::Series { experiment, condition, measure, moment, .. } = t {
        let read = (measure.clone(), *moment);
        match out.iter_mut().find(|a| a.0 == *experiment && a.1 == *condition) {
            Some(arm) => arm.2.push(read),
            None => out.push((experiment.clone(), *condition, vec![read])),
        }
    }
    crate::judge::children(t).into_iter().for_each(|c| series(c, out));
}

/// Whether a third arm lies between two that differ in several things, having some of one and the rest of the other: then
/// the comparison is made in steps, each of which is looked at (`a > b > c`, a difference of differences).
fn stepped(pair: &Found, all: &[Found]) -> bool {
    let heads = |f: &Found| -> Vec<String> { f.all.iter().filter(|d| !d.within).map(|d| d.path.clone()).collect() };
    let whole = heads(pair);
    if whole.len() < 2 {
        return false;
    }
    let (a, b) = pair.arms;
    let of = |i: usize, j: usize| all.iter().find(|f| f.arms == (i.min(j), i.max(j))).map(heads);
    let arms = all.iter().flat_map(|f| [f.arms.0, f.arms.1]).max().unwrap_or(0);
    (0..=arms).filter(|c| *c != a && *c != b).any(|c| {
        let (Some(one), Some(two)) = (of(a, c), of(c, b)) else { return false };
        let apart = !one.is_empty() && !two.is_empty() && one.len() + two.len() == whole.len();
        apart && one.iter().chain(&two).all(|d| whole.contains(d))
    })
}

/// All confounds of an expectation in one message, which has one place.
fn confounded(told: &[Told], span: Span) -> Diagnostics {
    let mut out = Diagnostics::default();
    let Some(first) = told.first() else { return out };
    let side = |(_, text): &(Span, String), arm: &str| format!("{} in `{arm}`", short(text));
    let sides = |t: &Told| format!("{}, {}", side(&t.d.left, &t.arms.0), side(&t.d.right, &t.arms.1));
    let m = match told {
        [one] => format!("the arms differ in `{}` as well: {}", one.d.name, sides(one)),
        _ => {
            let one = |t: &Told| format!("`{}` ({})", t.d.name, sides(t));
            let mut all: Vec<String> = told.iter().take(MOST_TOLD).map(one).collect();
            if told.len() > MOST_TOLD {
                all.push(format!("and {} more", told.len() - MOST_TOLD));
            }
            format!("the arms differ in more as well: {}", all.join(", "))
        }
    };
    let mut d = Diagnostic::new(Code::T0606, span, m, "compared here");
    for t in told.iter().take(MOST_TOLD) {
        let what = |arm: &str| match told.len() {
            1 => format!("in `{arm}`"),
            _ => format!("`{}` in `{arm}`", t.d.name),
        };
        d = d.also(t.d.left.0, what(&t.arms.0)).also(t.d.right.0, what(&t.arms.1));
    }
    out.push(d.help(match first.d.name.as_str() {
        "parameters" => "let both have as many, or say what the larger one may owe to its size",
        "initialisation" => "draw the first weights of both alike",
        _ if first.across => "let both experiments say the same, or put the arms into one: `vary { a: ..., b: ... }`",
        _ => "give both arms the same value, or `tune` it for each of them",
    }));
    out
}

fn short(text: &str) -> String {
    match text.chars().count() > LONGEST {
        true => format!("{}...", text.chars().take(LONGEST).collect::<String>()),
        false => text.to_string(),
    }
}
