//! A sound text's items by name, without reading them: the library's are read one by one, where they are asked for.

use super::build::Builder;
use super::words::ITEMS;
use super::{Rule, limited, scan, try_rule};
use crate::diag::Diagnostics;
use crate::source::FileId;
use crate::syntax::ast::Item;
use std::ops::Range;

/// An item that has not been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlined {
    /// The word that begins it.
    pub word: &'static str,
    /// Where its name stands.
    pub name: Range<usize>,
    /// Its text, with the comment that documents it.
    pub range: Range<usize>,
}

/// The items of a text as the formatter writes it, each in the first column, the language's version left out.
pub fn outline(text: &str) -> Vec<Outlined> {
    let mut out: Vec<Outlined> = Vec::new();
    let (mut at, mut doc) = (0, None);
    for line in text.split_inclusive('\n') {
        let word = ITEMS.iter().map(|i| i.0).find(|w| line.strip_prefix(*w).is_some_and(|r| r.starts_with(' ')));
        match word {
            Some(word) if word != "language" => {
                let start = doc.take().unwrap_or(at);
                if let Some(last) = out.last_mut() {
                    last.range.end = start;
                }
                let name = at + word.len() + 1;
                let length = text[name..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(0);
                out.push(Outlined { word, name: name..name + length, range: start..text.len() });
            }
            None if line.starts_with("##") => drop(doc.get_or_insert(at)),
            _ => doc = None,
        }
        at += line.len();
    }
    out
}

/// Reads one of them.
pub fn outlined(file: FileId, text: &str, item: &Outlined, diags: &mut Diagnostics) -> Option<Item> {
    let scan = scan::scan(file, &text[item.range.clone()]).moved(item.range.start);
    let start = scan.tokens.first()?.start;
    let _held = limited(item.range.len());
    let pairs = try_rule(Rule::one_item, &text[start..item.range.end]).ok()?;
    let builder = Builder::new(file, start as isize, text, &scan, diags);
    pairs.into_iter().find_map(|p| builder.item(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_read_one_by_one_are_those_of_the_whole_text() {
        let text = "language 0.1\n\n## One.\n## Two.\nfunction f(x: [n]) = x\n# no doc\nrule r() {\n  # within\n  update p along p\n}\n";
        let mut diags = Diagnostics::default();
        let whole = super::super::parse(FileId(3), text, &mut diags);
        let read = outline(text).iter().map(|o| outlined(FileId(3), text, o, &mut diags)).collect::<Vec<_>>();
        let read: Vec<Item> = read.into_iter().flatten().collect();
        assert_eq!(format!("{:#?}", &whole.items[1..]), format!("{read:#?}"));
        assert!(diags.is_empty());
    }
}
