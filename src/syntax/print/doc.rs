//! A small pretty printer: a text that may break at certain places, and does where a line would be too long.
//!
//! After P. Wadler, "A prettier printer" (2003). A group is laid out flat if it fits, else each of its breaks is a
//! line end; inner groups decide for themselves.

/// No line is longer than this if it can be broken.
pub const WIDTH: usize = 120;

#[derive(Clone, Debug)]
pub enum Doc {
    Text(String),
    /// The given text if flat, else a line end.
    Break(&'static str),
    /// A line end wherever it stands; the groups around it break.
    Line,
    /// Line ends within are indented by so much more.
    Nest(usize, Box<Doc>),
    Group(Box<Doc>),
    Row(Vec<Doc>),
}

pub fn text(t: impl Into<String>) -> Doc {
    Doc::Text(t.into())
}

pub fn row(docs: impl IntoIterator<Item = Doc>) -> Doc {
    Doc::Row(docs.into_iter().collect())
}

pub fn nest(by: usize, doc: Doc) -> Doc {
    Doc::Nest(by, Box::new(doc))
}

pub fn group(doc: Doc) -> Doc {
    Doc::Group(Box::new(doc))
}

/// The docs with `separator` between them.
pub fn join(docs: impl IntoIterator<Item = Doc>, separator: Doc) -> Doc {
    let mut out = Vec::new();
    for doc in docs {
        if !out.is_empty() {
            out.push(separator.clone());
        }
        out.push(doc);
    }
    Doc::Row(out)
}

/// `open item, item close`, flat or with each item on a line of its own.
pub fn bracketed(open: &str, items: Vec<Doc>, close: &str, by: usize) -> Doc {
    if items.is_empty() {
        return text(format!("{open}{close}"));
    }
    let inner = join(items, row([text(","), Doc::Break(" ")]));
    group(row([text(open), nest(by, row([Doc::Break(""), inner])), Doc::Break(""), text(close)]))
}

/// On one line, whatever its length.
pub fn flat(doc: &Doc) -> String {
    let mut out = String::new();
    let mut stack = vec![doc];
    while let Some(doc) = stack.pop() {
        match doc {
            Doc::Text(t) => out.push_str(t),
            Doc::Break(t) => out.push_str(t),
            Doc::Line => out.push_str("; "),
            Doc::Nest(_, d) | Doc::Group(d) => stack.push(d),
            Doc::Row(docs) => stack.extend(docs.iter().rev()),
        }
    }
    out
}

/// Laid out from column `indent` on; the lines after the first are indented by at least that.
pub fn layout(doc: &Doc, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    let mut stack = vec![(indent, false, doc)];
    while let Some((by, is_flat, doc)) = stack.pop() {
        match doc {
            Doc::Text(t) => {
                out.push_str(t);
                column += t.chars().count();
            }
            Doc::Break(t) if is_flat => {
                out.push_str(t);
                column += t.len();
            }
            Doc::Break(_) | Doc::Line => {
                out.truncate(out.trim_end().len());
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', by));
                column = by;
            }
            Doc::Nest(more, d) => stack.push((by + more, is_flat, d)),
            Doc::Row(docs) => stack.extend(docs.iter().rev().map(|d| (by, is_flat, d))),
            Doc::Group(d) => {
                let fits = is_flat || fits(d, &stack, WIDTH.saturating_sub(column));
                stack.push((by, fits, d));
            }
        }
    }
    out
}

/// Whether `doc` laid out flat, with what follows it on the line, takes no more than `room` columns.
fn fits(doc: &Doc, rest: &[(usize, bool, &Doc)], room: usize) -> bool {
    let mut room = room as isize;
    let mut following = rest.iter().rev();
    let mut stack = vec![(true, doc)];
    loop {
        let Some((is_flat, doc)) = stack.pop() else {
            match following.next() {
                Some((_, is_flat, d)) => stack.push((*is_flat, d)),
                None => return true,
            }
            continue;
        };
        match doc {
            Doc::Text(t) => room -= t.chars().count() as isize,
            Doc::Break(t) if is_flat => room -= t.len() as isize,
            Doc::Break(_) => return true,
            // In what is tried flat a line end is a failure, behind it an end.
            Doc::Line => return !is_flat,
            Doc::Nest(_, d) => stack.push((is_flat, d)),
            Doc::Group(d) => stack.push((is_flat, d)),
            Doc::Row(docs) => stack.extend(docs.iter().rev().map(|d| (is_flat, d))),
        }
        if room < 0 {
            return false;
        }
    }
}
