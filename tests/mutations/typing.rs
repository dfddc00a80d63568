//! Faults of fingers: letters of words and signs that are dropped, doubled, swapped or others.

use super::spec::{Draw, Fault, Kind, Spec};
use super::{Faults, ITEMS, MIDDLE, STATEMENTS};

pub const KINDS: &[Faults] = &[
    ("letter of a name dropped", |s, d| misspelt(s, d, name, dropped)),
    ("letters of a name swapped", |s, d| misspelt(s, d, name, swapped)),
    ("letter of a name doubled", |s, d| misspelt(s, d, name, doubled)),
    ("letter of a name replaced", |s, d| misspelt(s, d, name, replaced)),
    ("case of a name", |s, d| misspelt(s, d, name, cased)),
    ("first word of a line misspelt", |s, d| misspelt(s, d, opening, mixed)),
    ("word in a line misspelt", |s, d| misspelt(s, d, middle, mixed)),
    ("setting misspelt", |s, d| misspelt(s, d, setting, mixed)),
    ("argument's name misspelt", |s, d| misspelt(s, d, argument, mixed)),
    ("type misspelt", |s, d| misspelt(s, d, ty, mixed)),
    ("import misspelt", |s, d| misspelt(s, d, imported, mixed)),
    ("word dropped", |s, d| {
        let i = d.token(s, |i| opening(s, i) || middle(s, i))?;
        Some(s.without(i, &[]))
    }),
    ("word doubled", |s, d| {
        let i = d.token(s, |i| s.kind(i) == Some(Kind::Word) && !text_line(s, i))?;
        let word = s.word(i).to_string();
        Some(s.replace(i, &format!("{word} {word}")))
    }),
    ("opening bracket dropped", |s, d| bracket(s, d, |s, i, p| s.without(i, &[p]), Kind::Open, &["(", "["])),
    ("closing bracket dropped", |s, d| bracket(s, d, |s, i, p| s.without(i, &[p]), Kind::Close, &[")", "]"])),
    ("bracket doubled", |s, d| {
        let kind = d.of(&[Kind::Open, Kind::Close])?;
        bracket(s, d, twice, kind, &["(", "[", ")", "]"])
    }),
    ("bracket of another kind", |s, d| {
        let to = d.of(&[0, 1])?;
        let kind = d.of(&[Kind::Open, Kind::Close])?;
        bracket(s, d, |s, i, p| other_bracket(s, i, p, to), kind, &["(", "[", ")", "]"])
    }),
    ("both brackets of another kind", both_brackets),
    ("`{` dropped", |s, d| bracket(s, d, |s, i, p| s.without(i, &[p]), Kind::Open, &["{"])),
    ("`}` dropped", |s, d| bracket(s, d, |s, i, p| s.without(i, &[p]), Kind::Close, &["}"])),
    ("brace doubled", |s, d| {
        let kind = d.of(&[Kind::Open, Kind::Close])?;
        bracket(s, d, twice, kind, &["{", "}"])
    }),
    ("colon for `{`", |s, d| {
        let i = d.token(s, |i| s.word(i) == "{" && s.first(i + 1))?;
        Some(s.change(s.tokens[i - 1].end..s.tokens[i].end, ":", &[]))
    }),
    ("colon for `{`, without `}`", |s, d| {
        let i = d.token(s, |i| s.word(i) == "{" && s.first(i + 1))?;
        let close = s.line_of(s.tokens[s.partner(i)?].start);
        let mut fault = s.change(close, "", &[i]);
        let at = s.tokens[i - 1].end..s.tokens[i].end;
        fault.text.replace_range(at, ":");
        fault.change = "`{ ... }` -> `:`".into();
        fault.lines = vec![fault.text[..s.tokens[i - 1].end].matches('\n').count() + 1];
        Some(fault)
    }),
    ("comma dropped", |s, d| sign(s, d, &[","], |s, i, _| s.without(i, &[]))),
    ("comma doubled", |s, d| sign(s, d, &[","], |s, i, _| s.replace(i, ",,"))),
    ("another sign for a comma", |s, d| sign(s, d, &[","], |s, i, d| s.replace(i, [";", ".", ":"][d.below(3)]))),
    ("colon dropped", |s, d| sign(s, d, &[":"], |s, i, _| s.without(i, &[]))),
    ("another sign for a colon", |s, d| {
        sign(s, d, &[":"], |s, i, d| s.replace(i, ["=", "::", ";", " in", "->"][d.below(5)]))
    }),
    ("`=` dropped", |s, d| sign(s, d, &["="], |s, i, _| s.without(i, &[]))),
    ("another sign for `=`", |s, d| {
        sign(s, d, &["="], |s, i, d| s.replace(i, ["==", ":=", "<-", ":", "= =", "~", "=>"][d.below(7)]))
    }),
    ("`=` for `==`", |s, d| sign(s, d, &["=="], |s, i, _| s.replace(i, "="))),
    ("another comparison sign", |s, d| {
        sign(s, d, &["==", "<", ">"], |s, i, d| s.replace(i, ["===", "=>", "=<", "<>", ">>", "~", "!"][d.below(7)]))
    }),
    ("`~` dropped or another", |s, d| {
        sign(s, d, &["~"], |s, i, d| s.replace(i, ["", "=", ":", "~~", "="][d.below(5)]))
    }),
    ("operator dropped", |s, d| sign(s, d, &OPERATORS, |s, i, _| s.without(i, &[]))),
    ("operator doubled", |s, d| {
        sign(s, d, &OPERATORS, |s, i, _| {
            let word = s.word(i).to_string();
            s.replace(i, &word.repeat(2))
        })
    }),
    ("operator of another language", |s, d| {
        sign(s, d, &["*", "/", "@", "^"], |s, i, d| s.replace(i, ["**", "//", ".*", "%", "x", "\u{d7}"][d.below(6)]))
    }),
    ("point dropped or doubled", |s, d| {
        sign(s, d, &["."], |s, i, d| s.replace(i, ["", "..", ",", " ", "->"][d.below(5)]))
    }),
    ("range written otherwise", |s, d| {
        sign(s, d, &[".."], |s, i, d| s.replace(i, ["...", ":", "-", ".", " to "][d.below(5)]))
    }),
    ("quote dropped or another", |s, d| {
        let i = d.token(s, |i| s.kind(i) == Some(Kind::Text))?;
        let text = s.word(i).trim_matches('"').to_string();
        let with = [format!("\"{text}"), format!("{text}\""), format!("'{text}'"), text];
        Some(s.replace(i, &with[d.below(4)]))
    }),
];

const OPERATORS: [&str; 6] = ["+", "-", "*", "/", "@", "^"];

type Letters = fn(&str, usize, &mut Draw) -> String;

/// One of the words that meet a condition, misspelt. A name may be seen at fault wherever else it stands, if it is
/// declared here.
fn misspelt(s: &Spec, d: &mut Draw, meets: fn(&Spec, usize) -> bool, how: Letters) -> Option<Fault> {
    let i = d.token(s, |i| meets(s, i) && s.word(i).len() > 2)?;
    let word = s.word(i);
    let at = d.below(word.len());
    let wrong = how(word, at, d);
    if wrong == word || wrong.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let also = if declares(s, i) { s.places(word) } else { vec![] };
    Some(s.change(s.tokens[i].start..s.tokens[i].end, &wrong, &also))
}

fn dropped(w: &str, at: usize, _: &mut Draw) -> String {
    format!("{}{}", &w[..at], &w[at + 1..])
}

fn swapped(w: &str, at: usize, _: &mut Draw) -> String {
    let at = at.min(w.len() - 2);
    format!("{}{}{}{}", &w[..at], &w[at + 1..at + 2], &w[at..at + 1], &w[at + 2..])
}

fn doubled(w: &str, at: usize, _: &mut Draw) -> String {
    format!("{}{}", &w[..=at], &w[at..])
}

/// By one of the keys beside it.
fn replaced(w: &str, at: usize, d: &mut Draw) -> String {
    const ROWS: [&str; 3] = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
    let letter = w[at..].chars().next().unwrap_or('a').to_ascii_lowercase();
    let Some((row, i)) = ROWS.iter().find_map(|r| Some((r, r.find(letter)?))) else { return w.to_string() };
    let i = if i == 0 || d.below(2) == 0 && i + 1 < row.len() { i + 1 } else { i - 1 };
    format!("{}{}{}", &w[..at], &row[i..i + 1], &w[at + 1..])
}

fn cased(w: &str, _: usize, _: &mut Draw) -> String {
    let (first, rest) = w.split_at(1);
    match first.chars().all(char::is_lowercase) {
        true => format!("{}{rest}", first.to_uppercase()),
        false => format!("{}{rest}", first.to_lowercase()),
    }
}

fn mixed(w: &str, at: usize, d: &mut Draw) -> String {
    let how: [Letters; 4] = [dropped, swapped, doubled, replaced];
    how[d.below(4)](w, at, d)
}

fn bracket(
    s: &Spec,
    d: &mut Draw,
    make: impl Fn(&Spec, usize, usize) -> Fault,
    kind: Kind,
    signs: &[&str],
) -> Option<Fault> {
    let i = d.token(s, |i| s.kind(i) == Some(kind) && signs.contains(&s.word(i)))?;
    Some(make(s, i, s.partner(i)?))
}

fn twice(s: &Spec, i: usize, partner: usize) -> Fault {
    let word = s.word(i).repeat(2);
    let fault = s.change(s.tokens[i].start..s.tokens[i].end, &word, &[partner]);
    Fault { change: format!("`{}` doubled", s.word(i)), ..fault }
}

fn other_bracket(s: &Spec, i: usize, partner: usize, to: usize) -> Fault {
    let sets = if s.kind(i) == Some(Kind::Open) { ["(", "[", "{"] } else { [")", "]", "}"] };
    let others: Vec<&str> = sets.into_iter().filter(|b| *b != s.word(i)).collect();
    s.change(s.tokens[i].start..s.tokens[i].end, others[to], &[partner])
}

/// `h[1]` as `h(1)`, `f(x)` as `f[x]`, `vary { }` as `vary [ ]`.
fn both_brackets(s: &Spec, d: &mut Draw) -> Option<Fault> {
    let i = d.token(s, |i| s.kind(i) == Some(Kind::Open) && !s.first(i + 1))?;
    let close = s.partner(i)?;
    let (open, with) = match s.word(i) {
        "(" => ("[", "]"),
        "[" => ("(", ")"),
        _ => ("[", "]"),
    };
    let range = s.tokens[i].start..s.tokens[close].end;
    let inner = &s.text[s.tokens[i].end..s.tokens[close].start];
    Some(s.change(range, &format!("{open}{inner}{with}"), &[i]))
}

fn sign(s: &Spec, d: &mut Draw, signs: &[&str], make: impl Fn(&Spec, usize, &mut Draw) -> Fault) -> Option<Fault> {
    let i = d.token(s, |i| s.kind(i) == Some(Kind::Sign) && signs.contains(&s.word(i)) && s.word(0) != s.word(i))?;
    Some(make(s, i, d))
}

// ---- which word is what

fn text_line(s: &Spec, i: usize) -> bool {
    s.line_word(i) == "language"
}

pub fn opening(s: &Spec, i: usize) -> bool {
    let word = s.word(i);
    s.first(i) && (ITEMS.contains(&word) || STATEMENTS.contains(&word)) && s.kind(i + 1) == Some(Kind::Word)
}

pub fn middle(s: &Spec, i: usize) -> bool {
    s.kind(i) == Some(Kind::Word) && MIDDLE.contains(&s.word(i)) && s.before(i) != "." && s.word(i + 1) != "="
}

pub fn setting(s: &Spec, i: usize) -> bool {
    s.kind(i) == Some(Kind::Word) && s.first(i) && s.word(i + 1) == "=" && s.item_word(i) == "experiment"
}

pub fn argument(s: &Spec, i: usize) -> bool {
    s.kind(i) == Some(Kind::Word) && s.word(i + 1) == "=" && !s.first(i) && ["(", ","].contains(&s.before(i))
}

fn ty(s: &Spec, i: usize) -> bool {
    s.kind(i) == Some(Kind::Word) && s.before(i) == ":" && s.word(i).starts_with(|c: char| c.is_uppercase())
}

pub fn imported(s: &Spec, i: usize) -> bool {
    s.kind(i) == Some(Kind::Word) && s.item_word(i) == "use" && !opening(s, i) && s.word(i) != "as"
}

/// A name that is read or declared.
pub fn name(s: &Spec, i: usize) -> bool {
    let word = s.word(i);
    let keyword = ITEMS.contains(&word) || STATEMENTS.contains(&word) || MIDDLE.contains(&word);
    let unit = i > 0 && s.kind(i - 1) == Some(Kind::Number);
    let other = setting(s, i) || argument(s, i) || ty(s, i) || imported(s, i) || text_line(s, i);
    s.kind(i) == Some(Kind::Word) && !keyword && !unit && !other
}

/// Whether token `i` is a name where it is declared.
pub fn declares(s: &Spec, i: usize) -> bool {
    let before = s.before(i);
    let follows = ITEMS.contains(&before) || STATEMENTS.contains(&before) || before == "as" || before == "population";
    follows || s.word(i + 1) == ":" || s.first(i) && s.word(i + 1) == "=" || s.item_word(i) == "use"
}
