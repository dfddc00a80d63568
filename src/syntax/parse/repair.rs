//! One word of a statement that is nearly a word of the language, or another one's word for it: `wtih`, `varo`, `elif`.
//!
//! Every such word is put right in turn, and the grammar is asked again. What it takes then is what was meant: so the
//! corrected line is always one that can be read, and what is around the word is kept.

use super::cut::View;
use super::explain::{Stuck, instead};
use super::scan::Kind;
use super::words::RESERVED;
use super::{Rule, try_rule};
use crate::diag::elsewhere::{self, At};
use crate::diag::{Code, Diagnostic, near};

/// What a piece of the text would be with one word put right.
pub struct Repair {
    pub told: Diagnostic,
    pub text: String,
    /// Where the text was changed, and by how many bytes it became longer.
    pub edit: (usize, isize),
}

/// So many words before the place where the grammar gave up may be the fault.
const MOST_WORDS: usize = 40;

/// Longer pieces are not tried again and again.
const MOST_BYTES: usize = 8192;

/// Words that join the parts of a statement, one of which is easily taken for another.
const JOINING: [&str; 14] =
    ["in", "on", "at", "of", "by", "as", "with", "from", "within", "for", "where", "along", "like", "until"];

/// The words that may stand in the middle of a statement.
fn words() -> Vec<&'static str> {
    let more = ["output", "needs", "excitatory", "inhibitory", "seeds", "epochs", "steps"];
    let keywords = KEYWORDS.iter().copied();
    keywords.chain(RESERVED).chain(more).collect()
}

/// Keywords of the grammar that are not reserved.
const KEYWORDS: [&str; 27] = [
    "at", "avoids", "during", "every", "least", "most", "on", "over", "relax", "sample", "scored", "seed", "settle",
    "step", "table", "the", "time", "tune", "until", "within", "over", "epoch", "where", "along", "by", "then", "else",
];

/// `view` is the piece and `tail` what makes it whole (`{}` behind a head).
pub fn repair(view: &View<'_>, tail: &str, rule: Rule, stuck: &Stuck) -> Option<Repair> {
    let (first, last) = (view.tokens.first()?, view.tokens.last()?);
    if last.end - first.start > MOST_BYTES {
        return None;
    }
    let source = &view.text[first.start..last.end];
    let k = view.tokens.partition_point(|t| t.end <= stuck.at).min(view.tokens.len() - 1);
    let tried = (1..=k).rev().filter(|&i| view.is_word(i)).take(MOST_WORDS);
    // Where another fault follows: what brings the grammar furthest, past the word behind the one at which it gave up.
    let beyond = view.tokens.get(k + 1).map_or(usize::MAX, |t| t.end);
    let mut best: Option<(usize, Repair)> = None;
    for i in tried {
        for meant in candidates(view, i) {
            let (start, end) = (view.tokens[i].start - first.start, view.tokens[i].end - first.start);
            let text = format!("{}{meant}{}{tail}", &source[..start], &source[end..]);
            let longer = meant.len() as isize - (end - start) as isize;
            let repaired = |text| Repair { told: told(view, i, meant), text, edit: (start, longer) };
            let reached = match try_rule(rule, &text) {
                Ok(_) => return Some(repaired(text)),
                Err(stuck) => first.start + (stuck.at as isize - longer).max(0) as usize,
            };
            if reached > best.as_ref().map_or(beyond, |b| b.0) {
                best = Some((reached, repaired(text)));
            }
        }
    }
    best.map(|b| b.1)
}

fn candidates(view: &View<'_>, i: usize) -> Vec<&'static str> {
    let word = view.word(i);
    let mut out: Vec<&'static str> = elsewhere::find(At::Sign, word).map(|s| s.here).into_iter().collect();
    if JOINING.contains(&word) {
        // Behind the last one something is missing.
        let followed = i + 1 < view.tokens.len();
        // What is said of seeds is no confidence: `in seed`, `in every`.
        let of_seeds = matches!(view.word(i + 1), "seed" | "seeds" | "every");
        out.extend(JOINING.iter().filter(|j| **j != word && followed && (!of_seeds || **j == "in")));
    } else if !words().contains(&word) {
        // What stands behind a number may be its unit, which has a message of its own.
        let counts = ["seeds", "epochs", "steps", "epoch", "step", "seed"];
        let unit = view.kind(i - 1) == Some(Kind::Number);
        out.extend(near(word, words()).into_iter().filter(|w| !(unit && counts.contains(w))));
        // Two letters are too few to be near, but here the grammar is asked whether they fit.
        out.extend(
            JOINING.iter().filter(|j| j.len() == 2 && word.len() <= 3 && strsim::damerau_levenshtein(word, j) == 1),
        );
    }
    out
}

fn told(view: &View<'_>, i: usize, meant: &str) -> Diagnostic {
    let word = view.word(i);
    let (from, to) = lines(view, i);
    let line = view.part(from, to);
    let message = match JOINING.contains(&word) {
        true => format!("`{word}` cannot stand here"),
        false => format!("`{word}` is no word of the language"),
    };
    let d = Diagnostic::new(Code::T0101, view.span(i), message, "");
    d.help(format!("did you mean `{meant}`? `{}`", instead(&line, i - from, i - from + 1, meant)))
}

/// The tokens of the line of token `i`.
pub fn lines(view: &View<'_>, i: usize) -> (usize, usize) {
    let from = (0..=i).rev().find(|&j| view.first(j)).unwrap_or(0);
    (from, (i + 1..view.tokens.len()).find(|&j| view.first(j)).unwrap_or(view.tokens.len()))
}
