//! Cuts a file into items by what its lines begin with.

use super::scan::{Kind, Scan};
use super::words::ITEMS;

/// The byte ranges of the items, in order. A declaration word in the first column begins an item whatever brackets
/// are open: that is how an unclosed one is confined.
pub fn items(scan: &Scan, text: &str) -> Vec<(usize, usize)> {
    let mut starts = Vec::new();
    let mut depth = 0i32;
    for (i, token) in scan.tokens.iter().enumerate() {
        if token.first {
            let word = &text[token.start..token.end];
            let next = scan.tokens.get(i + 1).filter(|n| !n.first).map(|n| n.kind);
            let declares = ITEMS.iter().any(|w| w.0 == word) && matches!(next, Some(Kind::Word | Kind::Number));
            let plain = token.indent == 0 && depth <= 0 && token.kind == Kind::Word;
            if (declares && (token.indent == 0 || depth <= 0)) || plain || starts.is_empty() {
                starts.push(token.start);
                depth = 0;
            }
        }
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().copied().zip(ends).collect()
}
