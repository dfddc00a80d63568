//! A brace that a finger has struck twice: `{{` at the end of a line, or `}}` at its beginning, where that brings the
//! braces of the text out of balance. It is told as what it is, and the text is read without it.

use super::scan::{Kind, Scan, Token};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// The text without such braces, if there are any.
pub fn without(file: FileId, text: &str, scan: &Scan, diags: &mut Diagnostics) -> Option<String> {
    let tokens = &scan.tokens;
    let word = |t: &Token| &text[t.start..t.end];
    let is = |t: &Token, kind: Kind, brace: &str| t.kind == kind && word(t) == brace;
    let count = |kind, brace| tokens.iter().filter(|t| is(t, kind, brace)).count();
    let (opened, closed) = (count(Kind::Open, "{"), count(Kind::Close, "}"));
    let (kind, brace, extra) = match opened.cmp(&closed) {
        std::cmp::Ordering::Greater => (Kind::Open, "{", opened - closed),
        std::cmp::Ordering::Less => (Kind::Close, "}", closed - opened),
        std::cmp::Ordering::Equal => return None,
    };
    let doubled = |i: usize| {
        let (a, b) = (&tokens[i], &tokens[i + 1]);
        let edge = match brace {
            "{" => tokens.get(i + 2).is_none_or(|next| next.first),
            _ => a.first,
        };
        is(a, kind, brace) && is(b, kind, brace) && a.end == b.start && edge
    };
    let found: Vec<usize> = (0..tokens.len().saturating_sub(1)).filter(|&i| doubled(i)).collect();
    if found.len() != extra {
        return None;
    }
    let mut out = text.to_string();
    for i in found {
        let (a, b) = (&tokens[i], &tokens[i + 1]);
        out.replace_range(b.start..b.end, " ");
        let d = Diagnostic::new(
            Code::T0102,
            Span::new(file, a.start, b.end),
            format!("`{brace}{brace}`: one brace too many"),
            "",
        );
        diags.push(d.help(format!("write one `{brace}`")));
    }
    Some(out)
}
