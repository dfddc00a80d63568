//! The grid of conditions that the `vary` expressions of an experiment span, without those that a `where` leaves out, and
//! of each condition the candidates that its `tune` expressions offer.

use super::choose::Chooser;
use super::order::children;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ir::{Experiment, Item, ModuleId, Program};
use crate::source::Span;
use crate::syntax::ast::{self, Choice, Entry, Expr, ExprKind};
use crate::syntax::print::expr_text;
use indexmap::IndexMap;
use std::collections::{BTreeMap, HashMap};

/// One point of the grid.
#[derive(Clone, Debug, Default)]
pub struct Condition {
    pub choices: HashMap<Span, usize>,
    /// The entries' labels, or values where they have none.
    pub labels: Vec<String>,
    /// Each factor's name and the value taken, as text.
    pub settings: Vec<(String, String)>,
    /// The same of what is tuned. It is no part of the condition's name.
    pub tuned: Vec<(String, String)>,
}

impl Condition {
    pub fn name(&self) -> String {
        self.labels.join(", ")
    }

    /// What varies and what was chosen.
    pub fn all_settings(&self) -> Vec<(String, String)> {
        self.settings.iter().chain(&self.tuned).cloned().collect()
    }
}

/// One `vary` or `tune` expression.
#[derive(Clone, Debug)]
pub struct Factor {
    /// The setting or argument in which it stands.
    pub name: String,
    pub span: Span,
    pub choice: Choice,
    pub labels: Vec<String>,
    pub texts: Vec<String>,
    /// For each entry the factors within it, which vary only where it is taken.
    pub within: Vec<Vec<Factor>>,
}

impl Factor {
    fn size(&self) -> usize {
        self.within.iter().map(|w| size(w)).fold(0, usize::saturating_add)
    }

    /// This factor and all within it.
    pub fn all<'f>(&'f self, out: &mut Vec<&'f Factor>) {
        out.push(self);
        self.within.iter().flatten().for_each(|f| f.all(out));
    }
}

fn size(factors: &[Factor]) -> usize {
    factors.iter().map(Factor::size).fold(1, usize::saturating_mul)
}

/// What an experiment trains.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    pub factors: Vec<Factor>,
    /// Every combination of the entries of every `vary`, the last one changing fastest; of what is tuned, the first candidate.
    pub conditions: Vec<Condition>,
    /// Of each condition, its candidates; one alone where nothing is tuned.
    pub candidates: Vec<Vec<Condition>>,
}

const MAX_CONDITIONS: usize = 10_000;
/// Combinations that are looked at where a `where` leaves some of them out.
const MAX_COMBINATIONS: usize = 1_000_000;

pub fn grid(program: &Program, item: &Item, x: &Experiment, diags: &mut Diagnostics) -> Grid {
    let finder = Finder { program, module: item.module };
    let find = |e: &Expr, within: &str, out: &mut Vec<Factor>| finder.find(e, within, out);
    let mut factors = Vec::new();
    for (name, (e, _)) in &x.settings {
        find(e, name, &mut factors);
    }
    match &x.train {
        Some((ast::Train::For(e), _)) => find(e, "train", &mut factors),
        Some((ast::Train::Stages(stages), _)) => {
            for s in stages {
                find(&s.length, &s.name.name, &mut factors);
                s.settings.iter().for_each(|a| find(&a.value, &expr_text(&a.target), &mut factors));
            }
        }
        None => {}
    }
    for m in &x.measures {
        find(&m.value, &m.name.name, &mut factors);
    }
    let mut out = Grid { factors, ..Grid::default() };
    let mut all = Vec::new();
    out.factors.iter().for_each(|f| f.all(&mut all));
    if let Some(empty) = all.iter().find(|f| f.labels.is_empty()) {
        let word = empty.choice.word();
        let d = Diagnostic::new(Code::T0609, empty.span, format!("`{word} {{}}` has no value to take"), "");
        diags.push(d.help(format!("list the values, `{word} {{ 1, 2 }}`, or give one without `{word}`")));
        return out;
    }
    if let Some(at) = misplaced(&out.factors, false) {
        let d = Diagnostic::new(Code::T0609, at, "what varies cannot hang on what is chosen", "within a `tune`");
        diags.push(d.help("let the `vary` stand outside, or write the candidates of the `tune` out one by one"));
        return out;
    }
    let most = if x.guards.is_empty() { MAX_CONDITIONS } else { MAX_COMBINATIONS };
    let combinations = size(&out.factors);
    let too_many = |n: usize, most: usize| {
        let m = format!("this experiment has {n} conditions, more than {most}");
        Diagnostic::new(Code::T0307, item.name_span, m, "")
            .help("vary less at once, or leave combinations out: `where hidden <= 64`")
    };
    if combinations > most {
        diags.push(too_many(combinations, most));
        return out;
    }
    let mut points = combine(&out.factors);
    for guard in &x.guards {
        let chooser = Chooser::new(guard, &out.factors);
        match points.iter().map(|p| chooser.keeps(p)).collect::<Result<Vec<bool>, Diagnostic>>() {
            Ok(kept) => {
                let mut kept = kept.into_iter();
                points.retain(|_| kept.next().unwrap_or(true));
            }
            Err(d) => {
                diags.push(d);
                return out;
            }
        }
        if points.is_empty() {
            let d = Diagnostic::new(Code::T0609, guard.span, "no condition is left", "true of none of them");
            diags.push(d.help("loosen what stands behind `where`"));
            return out;
        }
    }
    if points.len() > MAX_CONDITIONS {
        diags.push(too_many(points.len(), MAX_CONDITIONS));
        return out;
    }
    let mut tunes = Vec::new();
    out.factors.iter().for_each(|f| f.all(&mut tunes));
    let tunes: Vec<Span> = tunes.iter().filter(|f| f.choice == Choice::Tune).map(|f| f.span).collect();
    let mut groups: IndexMap<BTreeMap<Span, usize>, Vec<Condition>> = IndexMap::new();
    for p in points {
        let key = p.choices.iter().filter(|(s, _)| !tunes.contains(s)).map(|(s, i)| (*s, *i)).collect();
        groups.entry(key).or_default().push(p);
    }
    out.candidates = groups.into_values().collect();
    out.conditions = out.candidates.iter().filter_map(|c| c.first().cloned()).collect();
    out
}

/// Where something is tuned first.
pub fn first_tune(factors: &[Factor]) -> Option<Span> {
    let mut all = Vec::new();
    factors.iter().for_each(|f| f.all(&mut all));
    all.iter().find(|f| f.choice == Choice::Tune).map(|f| f.span)
}

/// A `vary` within a `tune`.
fn misplaced(factors: &[Factor], tuned: bool) -> Option<Span> {
    factors.iter().find_map(|f| match f.choice {
        Choice::Vary if tuned => Some(f.span),
        choice => f.within.iter().find_map(|w| misplaced(w, tuned || choice == Choice::Tune)),
    })
}

fn combine(factors: &[Factor]) -> Vec<Condition> {
    let mut out = vec![Condition::default()];
    for f in factors {
        let mut next = Vec::new();
        let within: Vec<Vec<Condition>> = f.within.iter().map(|w| combine(w)).collect();
        for c in &out {
            for (i, (label, text)) in f.labels.iter().zip(&f.texts).enumerate() {
                for inner in &within[i] {
                    let mut c = c.clone();
                    c.choices.insert(f.span, i);
                    c.choices.extend(&inner.choices);
                    let setting = (f.name.clone(), text.clone());
                    match f.choice {
                        Choice::Vary => {
                            c.labels.push(label.clone());
                            c.settings.push(setting);
                        }
                        Choice::Tune => c.tuned.push(setting),
                    }
                    c.labels.extend(inner.labels.iter().cloned());
                    c.settings.extend(inner.settings.iter().cloned());
                    c.tuned.extend(inner.tuned.iter().cloned());
                    next.push(c);
                }
            }
        }
        out = next;
    }
    out
}
/// Looks for what varies. An argument by position is called as the parameter that it is for.
struct Finder<'a> {
    program: &'a Program,
    module: ModuleId,
}

impl Finder<'_> {
    fn find(&self, e: &Expr, within: &str, out: &mut Vec<Factor>) {
        match &e.kind {
            ExprKind::Vary(choice, entries) => out.push(self.factor(e.span, *choice, within, entries)),
            ExprKind::Call(f, args) => {
                self.find(f, within, out);
                let called = match &f.kind {
                    ExprKind::Name(name) => self.program.lookup(self.module, name).cloned(),
                    _ => None,
                };
                for (i, a) in args.iter().enumerate() {
                    let by_place = || called.as_ref().and_then(|c| c.params.get(i)).map(|p| p.name.as_str());
                    let name = a.name.as_ref().map(|n| n.name.as_str()).or_else(by_place);
                    self.find(&a.value, name.unwrap_or(within), out);
                }
            }
            _ => children(e, &mut |x| self.find(x, within, out)),
        }
    }

    fn factor(&self, span: Span, choice: Choice, within: &str, entries: &[Entry]) -> Factor {
        let texts: Vec<String> = entries.iter().map(|x| expr_text(&x.value)).collect();
        let label = |(x, t): (&Entry, &String)| x.label.as_ref().map_or(t.clone(), |l| l.name.clone());
        let labels = entries.iter().zip(&texts).map(label).collect();
        let inner = entries.iter().map(|x| {
            let mut found = Vec::new();
            self.find(&x.value, within, &mut found);
            found
        });
        Factor { name: within.to_string(), span, choice, labels, texts, within: inner.collect() }
    }
}
