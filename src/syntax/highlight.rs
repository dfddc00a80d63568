//! What each piece of a spec is, for readers: keywords, names of items, numbers, texts, comments.

use super::parse::scan::{Kind, scan};
use super::parse::words::{ITEMS, RESERVED, is_statement};
use crate::source::FileId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Plain,
    Keyword,
    /// What an item is called, where it is declared.
    Name,
    Number,
    Text,
    Comment,
    /// A comment that documents what stands below it.
    Doc,
}

/// The text in pieces that follow each other, damaged or not.
pub fn highlight(text: &str) -> Vec<(Class, &str)> {
    let scan = scan(FileId(0), text);
    let mut marks: Vec<(usize, usize, Class)> = Vec::new();
    let mut item = false;
    for token in &scan.tokens {
        let word = &text[token.start..token.end];
        let class = match token.kind {
            Kind::Number => Class::Number,
            Kind::Text | Kind::OpenText => Class::Text,
            Kind::Word if item => Class::Name,
            Kind::Word if token.first && token.indent == 0 && is_item(word) => Class::Keyword,
            Kind::Word if token.first && is_statement(word) || RESERVED.contains(&word) => Class::Keyword,
            _ => Class::Plain,
        };
        item = class == Class::Keyword && token.indent == 0 && is_item(word) && !matches!(word, "use" | "language");
        marks.push((token.start, token.end, class));
    }
    for comment in &scan.comments {
        let (start, end) = (comment.span.start as usize, comment.span.end as usize);
        let doc = text.get(start..end).is_some_and(|t| t.starts_with("##"));
        marks.push((start, end, if doc { Class::Doc } else { Class::Comment }));
    }
    marks.sort_by_key(|m| m.0);
    let mut out: Vec<(Class, &str)> = Vec::new();
    let mut at = 0;
    for (start, end, class) in marks.into_iter().filter(|m| m.2 != Class::Plain) {
        if start < at {
            continue;
        }
        out.push((Class::Plain, &text[at..start]));
        out.push((class, &text[start..end]));
        at = end;
    }
    out.push((Class::Plain, &text[at..]));
    out.retain(|(_, t)| !t.is_empty());
    out
}

fn is_item(word: &str) -> bool {
    ITEMS.iter().any(|i| i.0 == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_up_the_text() {
        let text = "language 0.1\n\n## What a rule is.\nrule r(k: Nat) { # why\n  update p.W along 2.5 ms * \"x\n}\n";
        let pieces = highlight(text);
        assert_eq!(pieces.iter().map(|p| p.1).collect::<String>(), text);
        let of = |class| pieces.iter().filter(|p| p.0 == class).map(|p| p.1).collect::<Vec<_>>();
        assert_eq!(of(Class::Keyword), ["language", "rule", "update", "along"]);
        assert_eq!(of(Class::Name), ["r"]);
        assert_eq!(of(Class::Doc), ["## What a rule is."]);
        assert_eq!(of(Class::Comment), ["# why"]);
        assert_eq!(highlight(""), []);
    }
}
