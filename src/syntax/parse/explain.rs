//! Messages on statements and expressions, in the words of whoever wrote them.
//!
//! pest says how far the text made sense. From there the tokens are looked at for the mistakes that people make; what
//! none of them explains gets the form of its statement.

use super::Rule;
use super::build::is_keyword;
use super::cut::{View, wants_more};
use super::explain_sign::lexical;
use super::scan::Kind;
use super::words::*;
use crate::diag::elsewhere::{self, At};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;

/// Where the grammar gave up, and what would have let it go on.
#[derive(Clone, Debug, Default)]
pub struct Stuck {
    pub at: usize,
    pub expected: Vec<Rule>,
}

impl Stuck {
    /// The token at which the grammar gave up (one past the last if the text ends too early).
    fn token(&self, view: &View<'_>) -> usize {
        view.tokens.partition_point(|t| t.end <= self.at)
    }
}

pub fn statement(view: &View<'_>, stuck: &Stuck) -> Diagnostic {
    lexical(view)
        .or_else(|| beginning(view))
        .or_else(|| connector(view))
        .or_else(|| form_of_statement(view, stuck))
        .or_else(|| fault(view, stuck))
        .unwrap_or_else(|| generic(view, stuck, form(view.word(0))))
}

/// An expression alone.
pub fn expression(view: &View<'_>, stuck: &Stuck) -> Diagnostic {
    if view.tokens.is_empty() {
        return error(view.span(0), "there is no value here").help("write a value, such as `0.1` or `20 ms`");
    }
    lexical(view).or_else(|| fault(view, stuck)).unwrap_or_else(|| generic(view, stuck, None))
}

pub fn error(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::T0101, span, message, "")
}

/// The view's text with the tokens `from..to` replaced: the corrected line of a help.
pub fn instead(view: &View<'_>, from: usize, to: usize, with: &str) -> String {
    let (before, after) = (view.line(0, from), view.line(to, view.tokens.len()));
    let glued = |a: usize| a > 0 && a < view.tokens.len() && view.tokens[a].start == view.tokens[a - 1].end;
    let left = if before.is_empty() || glued(from) && !with.starts_with(' ') { "" } else { " " };
    let right = if with.ends_with(' ') {
        " "
    } else if after.is_empty() || glued(to) || (from == to && glued(from)) {
        ""
    } else {
        " "
    };
    format!("{before}{left}{}{right}{after}", with.trim())
}

// ---- how the statement begins

/// A first word that begins no statement, or a setting without its `=`.
fn beginning(view: &View<'_>) -> Option<Diagnostic> {
    let (first, second) = (view.word(0), view.word(1));
    if view.kind(0) != Some(Kind::Word) {
        let d = error(view.span(0), format!("`{first}` does not begin a statement"));
        return Some(d.help("a statement begins with a word such as `let`, or is `name = value`"));
    }
    if ITEMS.iter().any(|i| i.0 == first)
        && view.is_word(1)
        && matches!(view.word(2), "(" | "{")
        && view.find_outside("{").is_some()
    {
        let d = error(view.span(0), format!("`{first} {second}` stands inside another declaration"));
        return Some(d.help("close the one before it with `}`, and begin this one in the first column"));
    }
    if let Some(row) = elsewhere::find(At::Statement, first).filter(|r| r.here.is_empty() && second != "=") {
        return Some(error(view.span(0), format!("there is no statement `{first}`")).help(row.how));
    }
    let value = !view.first(1) && (begins_operand(view, 1) || second == "-") && second != "(" && second != "[";
    let setting = SETTINGS.contains(&first) || (!is_statement(first) && meant_statement(first).is_none());
    if setting && value && view.find_outside("=").is_none() {
        let line = instead(view, 1, 1, " = ");
        return Some(
            error(view.span(1), format!("`=` is missing between `{first}` and its value"))
                .help(format!("write `{line}`")),
        );
    }
    if matches!(second, ":" | "==") && SETTINGS.contains(&first) && view.find_outside("=").is_none() {
        let line = instead(view, 1, 2, " = ");
        return Some(error(view.span(1), "a setting is written with `=`").help(format!("write `{line}`")));
    }
    if is_statement(first) || !view.is_word(1) || view.first(1) {
        return None;
    }
    let d = error(view.span(0), format!("there is no statement `{first}`"));
    Some(match meant_statement(first) {
        Some(meant) => d.help(format!("did you mean `{meant}`? `{}`", instead(view, 0, 1, meant))),
        None => d.help("a statement begins with a word such as `let` or `update`, or is `name = value`"),
    })
}

pub fn meant_statement(word: &str) -> Option<&'static str> {
    match elsewhere::find(At::Statement, word) {
        Some(row) => Some(row.here).filter(|w| !w.is_empty()),
        None => did_you_mean(word, STATEMENTS.iter().map(|s| s.0)),
    }
}

/// The word or sign that joins the two halves of a statement is missing.
fn connector(view: &View<'_>) -> Option<Diagnostic> {
    let first = view.word(0);
    let signs: &[&str] = match first {
        "population" | "output" | "let" | "energy" | "signal" | "surrogate" | "target" | "measure" | "state"
        | "train" => &["="],
        "weight" => &["~", "="],
        "noise" | "fixed" | "draw" => &["~"],
        "update" | "each" => &["along"],
        "trace" => &["of"],
        "free" => &["from"],
        "for" | "choose" => &["in"],
        "feedback" => &["like", ":"],
        _ => return None,
    };
    // A statement word alone, or a setting that happens to be named so.
    if !view.is_word(1) || RESERVED.contains(&view.word(1)) {
        return unnamed(view);
    }
    if view.outside().any(|i| signs.contains(&view.word(i))) {
        return (first == "weight" || first == "draw" || first == "fixed").then(|| untyped(view)).flatten();
    }
    let (head, end) = head(view);
    let sign = signs[0];
    let wrong = view.outside().find(|&i| matches!(view.word(i), "==" | "=" | "~" | ":" | "<-") && i >= end);
    let help = format!("the form is `{}`", form(first).unwrap_or(first));
    if let Some(i) = wrong.filter(|&i| view.word(i) == "==" && sign == "=") {
        let line = instead(view, i, i + 1, "=");
        return Some(
            error(view.span(i), "`==` compares; a definition is written with `=`").help(format!("write `{line}`")),
        );
    }
    if let Some(i) = wrong.filter(|&i| view.word(i) == "=" && ["~", "along", "of", "from", "in"].contains(&sign)) {
        let message = format!("`{first} {head}` is written with `{sign}`, not with `=`");
        // `update x = x + e`: what follows `along` is added already.
        let same = (1..i).all(|k| view.word(k) == view.word(i + k));
        let after = i + i;
        let to = match (sign, view.word(after)) {
            ("along", "+") if same => after + 1,
            ("along", "-") if same => after,
            _ => i + 1,
        };
        let line = instead(view, i, to, sign);
        let added = if sign == "along" { ": it is added" } else { "" };
        return Some(error(view.span(i), message).help(format!("write `{line}`{added}")));
    }
    let signs: Vec<String> = signs.iter().map(|s| format!("`{s}`")).collect();
    let message = format!("`{first} {head}` has no {}", signs.join(" or "));
    Some(Diagnostic::new(Code::T0101, view.span(end), message, format!("`{sign}` is needed here")).help(help))
}

/// A statement word without the name that it needs.
fn unnamed(view: &View<'_>) -> Option<Diagnostic> {
    let (first, second) = (view.word(0), view.word(1));
    if first == "each" || matches!(second, "=" | "." | "'" | "(" | "[") || second == ":" && !RESERVED.contains(&first) {
        return None;
    }
    if view.is_word(1) && !view.first(1) {
        let message = format!("`{second}` is a word of the language and cannot be a name");
        let d = Diagnostic::new(Code::T0107, view.span(1), message, "used as a name here");
        return Some(d.help(format!("choose another name, such as `my_{second}`")));
    }
    let message = match first {
        "update" => "`update` needs what it moves".to_string(),
        _ => format!("`{first}` needs a name"),
    };
    let help = format!("the form is `{}`", form(first).unwrap_or(first));
    Some(Diagnostic::new(Code::T0101, view.span(1), message, "needed here").help(help))
}

fn untyped(view: &View<'_>) -> Option<Diagnostic> {
    let (first, name) = (view.word(0), view.word(1));
    if view.word(2) == ":" {
        return None;
    }
    let message = format!("`{first} {name}` has no shape");
    let help = format!("write it after `:`, such as `{first} {name}: [m, n] {}`", view.line(2, view.tokens.len()));
    Some(Diagnostic::new(Code::T0101, view.span(2), message, "`: [...]` is needed here").help(help))
}

/// The name after the statement word with its brackets and type, and the index of the token behind it.
pub fn head(view: &View<'_>) -> (String, usize) {
    let mut end = 2;
    let skip = |end: usize| {
        let mut depth = 0i32;
        for i in end..view.tokens.len() {
            match view.kind(i) {
                Some(Kind::Open) => depth += 1,
                Some(Kind::Close) => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return i + 1;
            }
        }
        view.tokens.len()
    };
    if matches!(view.word(2), "(" | "[") {
        end = skip(2);
    }
    let name = view.line(1, end);
    if view.word(end) == ":" {
        end += 1 + usize::from(view.is_word(end + 1));
        if view.word(end) == "[" {
            end = skip(end);
        }
    }
    (name, end)
}

// ---- inside expressions

/// The end of an expectation: its margin, its seeds, its confidence, and how it is judged.
fn expectation(view: &View<'_>, k: usize) -> Option<Diagnostic> {
    let (found, before) = (view.word(k), view.word(k.wrapping_sub(1)));
    let told = |message: String, help: &str| Some(error(view.span(k), message).help(help));
    match (before, found) {
        // `at` has been taken for the margin's name.
        ("at", _) if view.word(k.wrapping_sub(2)) == "within" => told(
            "`within` needs a margin after it".into(),
            "write the largest difference that does not matter: `within 0.02`",
        ),
        (_, "~") => told("`~` does not compare".into(), "write `a == b within 0.02 at 95 %`"),
        (_, "unpaired" | "anytime") if before != "," => {
            told(format!("`,` is missing before `{found}`"), &format!("write `at 95 %, {found}`"))
        }
        (_, "seeds") => told("`of` is missing before `seeds`".into(), "write `in at least 90 % of seeds at 95 %`"),
        ("in", _) | (_, "in" | "all" | "each" | "any" | "some" | "every") => {
            let ends = "end it with `in every seed`, `in at least 9 of 10 seeds`, `in at least 90 % of seeds at 95 %` or `at 95 %`";
            told("an expectation does not end like this".into(), ends)
        }
        _ => None,
    }
}

/// The mistakes that can be in any expression, up to where the grammar gave up.
pub fn fault(view: &View<'_>, stuck: &Stuck) -> Option<Diagnostic> {
    let k = stuck.token(view);
    trailing_comma(view, k)
        .or_else(|| bare_choice(view, k))
        .or_else(|| list_with_colon(view))
        .or_else(|| nothing_follows(view, k))
        .or_else(|| single_equals(view, k))
        .or_else(|| two_values(view, k))
        .or_else(|| unfinished_if(view, k))
}

/// `along by`, `x = * 3`, `a +` at the end: something wants a value after it, and gets none.
fn nothing_follows(view: &View<'_>, k: usize) -> Option<Diagnostic> {
    for i in 0..view.tokens.len().min(k + 1) {
        let comma = view.word(i) == "," && view.kind(i + 1) == Some(Kind::Sign);
        let wants = comma || wants_more(view, i) && !matches!(view.word(i), "," | "." | ".." | "in");
        if !wants || may_begin_value(view, i + 1) {
            continue;
        }
        let (word, next) = (view.word(i), view.word(i + 1));
        let message = match (word, next) {
            ("by", _) if view.word(0) == "expect" => "`by` needs the way of judging after it".to_string(),
            ("by", _) => "`by` needs an optimizer after it".to_string(),
            ("along", _) => "`along` needs the direction of the update after it".to_string(),
            ("where", _) => "`where` needs a guard after it".to_string(),
            ("from", _) => "`from` needs a start after it".to_string(),
            (_, "") => format!("nothing follows `{word}`"),
            _ => format!("a value is missing between `{word}` and `{next}`"),
        };
        let help = match word {
            "by" if view.word(0) == "expect" => "write `by bootstrap`, or leave `by` out".to_string(),
            "by" => "name an optimizer, such as `by optimizer`, or leave `by` out".to_string(),
            "where" => "write a condition, such as `where not n.output`, or leave `where` out".to_string(),
            _ => format!("write a value after `{word}`"),
        };
        return Some(Diagnostic::new(Code::T0101, view.span(i), message, "").help(help));
    }
    None
}

/// `vary:` where a brace is needed: the token of the colon.
pub fn opens_list_with_colon(view: &View<'_>) -> Option<usize> {
    (1..view.tokens.len()).find(|&i| view.word(i) == ":" && matches!(view.word(i - 1), "vary" | "tune"))
}

fn list_with_colon(view: &View<'_>) -> Option<Diagnostic> {
    let colon = opens_list_with_colon(view)?;
    let word = view.word(colon - 1);
    let d = error(view.span(colon), format!("what `{word}` lists is in braces, not behind a `:`"));
    Some(d.help(format!("write `{word} {{ ... }}`, with `,` between what is listed")))
}

fn may_begin_value(view: &View<'_>, i: usize) -> bool {
    let word = view.word(i);
    match view.kind(i) {
        None | Some(Kind::Close) => false,
        Some(Kind::Sign) => matches!(word, "-" | "???" | ".."),
        Some(Kind::Word) => {
            let operator = ["not", "if", "vary", "minimize", "maximize", "true", "false", "with", "then", "weight"];
            !RESERVED.contains(&word) || operator.contains(&word) || view.word(i + 1) == "="
        }
        Some(_) => true,
    }
}

/// `=` where a comparison is meant.
fn single_equals(view: &View<'_>, k: usize) -> Option<Diagnostic> {
    if view.word(k) != "=" {
        return None;
    }
    let guard = (0..k).rev().find(|&i| matches!(view.word(i), "where" | "if" | "expect" | "claim" | "along" | "by"));
    let place = match guard.map(|g| view.word(g)) {
        Some("where") => "in a guard",
        Some("if") => "in a condition",
        Some("expect") => "in an expectation",
        Some("claim") => "in a claim",
        _ => "inside an expression",
    };
    if let Some(d) = named_label(view, k).filter(|_| place == "in an expectation") {
        return Some(d);
    }
    let line = instead(view, k, k + 1, "==");
    let d = Diagnostic::new(Code::T0101, view.span(k), format!("`=` cannot stand {place}"), "a comparison is `==`");
    Some(d.help(format!("write `{line}`")))
}

/// Two values with nothing between them.
fn two_values(view: &View<'_>, k: usize) -> Option<Diagnostic> {
    if k == 0 || k >= view.tokens.len() || !ends_operand(view, k - 1) || !begins_operand(view, k) {
        return None;
    }
    let (left, right) = (view.word(k - 1), view.word(k));
    if is_statement(right) && view.is_word(k + 1) && !inside(view, k) {
        let message = format!("`{right}` begins a statement in the middle of a line");
        return Some(error(view.span(k), message).help("begin it on a line of its own"));
    }
    if RESERVED.contains(&right) || !inside(view, k) && !view.outside().any(|i| i < k && view.word(i) == "=") {
        return None;
    }
    let (signs, help) = match inside(view, k) {
        true => ("`,` or an operator", "write `,` between two values, or an operator such as `*`"),
        false => ("an operator", "write an operator such as `*`, or begin a new line"),
    };
    let message = format!("{signs} is missing between `{left}` and `{right}`");
    Some(Diagnostic::new(Code::T0101, view.span(k), message, "").also(view.span(k - 1), "follows this").help(help))
}

fn unfinished_if(view: &View<'_>, k: usize) -> Option<Diagnostic> {
    let at =
        (0..k.min(view.tokens.len())).rev().find(|&i| view.word(i) == "if" && (i == 0 || view.word(i - 1) != "."))?;
    let has = |word: &str| (at..view.tokens.len()).any(|i| view.word(i) == word);
    let missing = if !has("then") { "then" } else { "else" };
    if has("then") && has("else") {
        return None;
    }
    let d = error(view.span(at), format!("this `if` has no `{missing}`"));
    Some(d.help("an `if` is a value and has both: `if CONDITION then VALUE else VALUE`"))
}

fn inside(view: &View<'_>, k: usize) -> bool {
    !view.outside().any(|i| i == k)
}

pub fn ends_operand(view: &View<'_>, i: usize) -> bool {
    match view.kind(i) {
        Some(Kind::Word) => !RESERVED.contains(&view.word(i)) || matches!(view.word(i), "true" | "false"),
        Some(Kind::Number | Kind::Text | Kind::Close) => true,
        _ => matches!(view.word(i), "%" | "???"),
    }
}

pub fn begins_operand(view: &View<'_>, i: usize) -> bool {
    matches!(view.kind(i), Some(Kind::Word | Kind::Number | Kind::Text | Kind::Open))
}

// ---- what is left

/// Mistakes that belong to one form of statement.
fn form_of_statement(view: &View<'_>, stuck: &Stuck) -> Option<Diagnostic> {
    let k = stuck.token(view);
    let (found, before) = (view.word(k), view.word(k.wrapping_sub(1)));
    let all = |word: &str| view.outside().find(|&i| view.word(i) == word);
    match view.word(0) {
        "measure" if found == "every" && before != "," => {
            let line = instead(view, k, k, ", ");
            Some(
                error(view.span(k), "`,` is missing before `every`")
                    .help(format!("write `{}`", line.replace(" , every", ", every"))),
            )
        }
        "measure" if found == "," => {
            let d = error(view.span(k), "`every` alone may follow this comma");
            Some(d.help("write `measure name = VALUE on test, every epoch`"))
        }
        "expect" => expectation(view, k),
        "phase" if matches!(found, "settle" | "relax") => {
            let line = instead(view, k, k, " = ");
            Some(error(view.span(k), format!("`=` is missing before `{found}`")).help(format!("write `{line}`")))
        }
        "phase" if all("settle").is_some() && all("on").is_none() => {
            Some(error(view.span(k), "`settle` needs `on` and an energy").help("write `settle s on E, steps, speed`"))
        }
        "phase" if found == "where" && all("with").is_none() => Some(
            error(view.span(k), "a change is written with `with`; `where` is for guards")
                .help(format!("write `{}`", instead(view, k, k + 1, "with"))),
        ),
        "trace" if k >= view.tokens.len() => {
            let d = error(view.span(k), "a trace needs its decay");
            Some(d.help(format!("write `{}, 20 ms`, or a factor for each step", view.line(0, view.tokens.len()))))
        }
        "split" | "period" if begins_operand(view, k) || found == "=" || found == ":" => {
            let d = error(view.span(k), format!("`{}` is a list of names, each with its value", view.word(0)));
            Some(d.help(format!("the form is `{}`", form(view.word(0)).unwrap_or_default())))
        }
        _ => None,
    }
}

/// What is not understood: the two words that do not go together, what the grammar wanted, and the form of the whole.
pub fn generic(view: &View<'_>, stuck: &Stuck, form: Option<&str>) -> Diagnostic {
    let k = stuck.token(view);
    let wanted = wanted(&stuck.expected);
    let (found, before) = (view.word(k), view.word(k.wrapping_sub(1)));
    let message = match (found, before) {
        ("", "") => "something is missing here".to_string(),
        ("", _) => format!("something is missing after `{before}`"),
        (_, "") => format!("`{found}` is not expected here"),
        _ => format!("`{found}` cannot follow `{before}` here"),
    };
    let label = if wanted.is_empty() { String::new() } else { format!("{wanted} would fit here") };
    let d = Diagnostic::new(Code::T0101, view.span(k), message, label);
    match form {
        Some(f) => d.help(format!("the form is `{f}`")),
        None => d.help("a setting is `name = value`"),
    }
}

/// A few of the things that the grammar would have taken, in words.
fn wanted(rules: &[Rule]) -> String {
    let mut words: Vec<String> = Vec::new();
    for &rule in rules {
        let word = match rule {
            Rule::expr | Rule::number | Rule::paren => "a value".to_string(),
            Rule::name | Rule::head | Rule::place | Rule::id => "a name".to_string(),
            Rule::ty | Rule::dims => "a type".to_string(),
            Rule::block => "`{`".to_string(),
            Rule::eq | Rule::assign_op => "`=`".to_string(),
            Rule::drawn => "`~`".to_string(),
            Rule::params => "`(`".to_string(),
            Rule::arrow => "`->`".to_string(),
            Rule::text => "a text in quotes".to_string(),
            Rule::k_comma => "`,`".to_string(),
            Rule::k_close => "`)`".to_string(),
            Rule::k_bracket => "`]`".to_string(),
            Rule::k_brace => "`}`".to_string(),
            r if is_keyword(r) => format!("`{}`", format!("{r:?}").trim_start_matches("k_")),
            _ => continue,
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    if words.len() > 1 {
        words.retain(|w| w != "`=`");
    }
    // A long list helps nobody.
    if words.len() > 3 {
        return String::new();
    }
    words.join(" or ")
}

/// `batch = 32,` above another line, as lists of other languages have it.
fn trailing_comma(view: &View<'_>, k: usize) -> Option<Diagnostic> {
    // Of a setting or a field: what lists things goes on in the next line.
    let sets = view.word(1) == "=" || SETTINGS.contains(&view.word(0)) || view.word(1) == ":";
    let next = (k.saturating_sub(2)..=k).rev().find(|&j| view.first(j) && j > 0).filter(|_| sets)?;
    let comma = next - 1;
    let outside = view.outside().any(|i| i == comma);
    (view.word(comma) == "," && outside).then(|| {
        let d = error(view.span(comma), "a line ends without `,`");
        d.help("remove it: the next line says something else")
    })
}

/// `e.accuracy[hidden = 32, rule = bp]`: a condition goes by its labels.
fn named_label(view: &View<'_>, k: usize) -> Option<Diagnostic> {
    let open =
        (0..k).rev().find(|&i| matches!(view.word(i), "[" | "]" | "(" | ")")).filter(|&i| view.word(i) == "[")?;
    let close = (k..view.tokens.len()).find(|&i| view.word(i) == "]")?;
    let kept = (open + 1..close).filter(|&i| view.word(i) != "=" && view.word(i + 1) != "=").map(|i| view.word(i));
    let labels: Vec<&str> = kept.filter(|w| *w != ",").collect();
    let line = instead(view, open + 1, close, &labels.join(", "));
    let d = Diagnostic::new(
        Code::T0101,
        view.span(k),
        "a condition goes by its labels, not by the names of what varies",
        "",
    );
    Some(d.help(format!("write `{line}`")))
}

/// `vary 4, 8`, `vary range(1, 4)`
fn bare_choice(view: &View<'_>, k: usize) -> Option<Diagnostic> {
    let word = view.word(k.checked_sub(1)?);
    if !matches!(word, "vary" | "tune") || !begins_operand(view, k) || matches!(view.word(k), "{" | "[" | "(") {
        return None;
    }
    let d = error(view.span(k - 1), format!("`{word}` lists its values in braces"));
    Some(d.help(format!("write `{word} {{ {}, ... }}`", view.word(k))))
}
