//! What a name that nobody knows was meant to be: one rule of nearness, for every place that looks a name up.

use super::Diagnostic;

/// The name among `known` that is most likely meant by `name`, if one is near enough.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().filter(|k| letters(k) > 1 && *k != name).collect();
    near(name, known.iter().copied()).first().copied().or_else(|| part(name, &known))
}

/// All that are near, the nearest first. One letter is near to every other, so a name of one letter is near to none.
pub fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let own = plain(name);
    let mut found: Vec<((usize, bool, usize), &str)> = Vec::new();
    // Of two numbers one is not the other misspelt.
    let word = letters(name) > 1 && !name.starts_with(|c: char| c.is_ascii_digit());
    for k in known.into_iter().filter(|k| word && letters(k) > 1 && *k != name) {
        let other = plain(k);
        // As many letters more or less are as many changes.
        if own.len().abs_diff(other.len()) > most(letters(&own).max(letters(&other))) {
            continue;
        }
        let distance = strsim::damerau_levenshtein(&own, &other);
        let turned = distance == 1 && sorted(&own) == sorted(&other);
        if distance <= most(letters(&own).max(letters(&other))) || turned {
            let starts = own.chars().next() != other.chars().next();
            found.push(((distance, starts, own.len().abs_diff(other.len())), k));
        }
    }
    found.sort_by_key(|f| f.0);
    found.into_iter().map(|f| f.1).collect()
}

fn sorted(text: &str) -> Vec<char> {
    let mut all: Vec<char> = text.chars().collect();
    all.sort_unstable();
    all
}

/// How many letters of a name of this length may be wrong.
fn most(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=4 => 1,
        5..=7 => 2,
        8..=11 => 3,
        _ => 4,
    }
}

/// The one name that this is a part of, or that is a part of it: `acc` of `accuracy`, `hidden_size` of `hidden`.
fn part<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let own = plain(name);
    let words = |a: &str, b: &str| letters(b) > 3 && a.split('_').any(|w| w.eq_ignore_ascii_case(b));
    let begins = |a: &str, b: &str| letters(b) > 2 && a.starts_with(b);
    let fits = |k: &&&str| {
        let other = plain(k);
        begins(&own, &other) && letters(&other) > 4 || begins(&other, &own) || words(name, k) || words(k, name)
    };
    let mut found: Vec<&'a str> = known.iter().filter(fits).copied().collect();
    found.dedup();
    match found.as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

/// A name without what people differ in: case and underscores.
fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// No list in a message is longer.
const MOST_LISTED: usize = 16;

/// `a`, `b`, `c`, each in quotes of code.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
    match names.len().checked_sub(MOST_LISTED) {
        Some(more) if more > 1 => format!("{} and {more} more", names[..MOST_LISTED].join(", ")),
        _ => names.join(", "),
    }
}

impl Diagnostic {
    /// The way out of a name that is not there: the one that is meant, or else all that there are.
    pub fn meant<'a>(self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Diagnostic {
        let known: Vec<&str> = known.into_iter().collect();
        let all = match known.as_slice() {
            [] => "there are none".to_string(),
            [one] => format!("there is `{one}`"),
            many => format!("there are {}", listed(many.iter().copied())),
        };
        self.meant_or(name, known, all)
    }

    /// The same, with another way out where none is near.
    pub fn meant_or<'a>(
        self,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
        otherwise: impl Into<String>,
    ) -> Diagnostic {
        match did_you_mean(name, known) {
            Some(meant) => self.help(format!("did you mean `{meant}`?")),
            None => self.help(otherwise),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_near_to_what_it_was_meant_to_be() {
        let names = ["dense", "hidden", "accuracy", "alignment", "x", "bp", "fa", "cross_entropy", "tanh", "classes"];
        for (typo, meant) in [
            ("dens", Some("dense")),
            ("hiden", Some("hidden")),
            ("hidden_size", Some("hidden")),
            ("num_classes", Some("classes")),
            ("acc", Some("accuracy")),
            ("aligment", Some("alignment")),
            ("pb", Some("bp")),
            ("CrossEntropyLoss", Some("cross_entropy")),
            ("crossentropy", Some("cross_entropy")),
            ("Tanh", Some("tanh")),
            ("tahn", Some("tanh")),
            ("y", None),
            ("xx", None),
            ("bb", None),
            ("zebra", None),
            ("rank", None),
        ] {
            assert_eq!(did_you_mean(typo, names), meant, "{typo}");
        }
    }

    #[test]
    fn what_there_is_is_told_where_nothing_is_near() {
        let d = || Diagnostic::new(super::super::Code::T0201, Default::default(), "", "");
        assert_eq!(d().meant("zebra", ["train", "test"]).help.as_deref(), Some("there are `train`, `test`"));
        assert_eq!(d().meant("tset", ["train", "test"]).help.as_deref(), Some("did you mean `test`?"));
        assert_eq!(d().meant("a", ["x"]).help.as_deref(), Some("there is `x`"));
    }
}
