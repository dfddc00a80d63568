//! Text from elsewhere as it can be shown: what would not be seen, would move what stands beside it or would speak to the
//! terminal is written as its code point, and what is long is cut. Messages show nothing else.

use std::borrow::Cow;

/// Whether a character shows nothing of its own: controls, those that turn the direction of writing (by which a text can
/// look like another), and those without a width that no script needs between its letters.
pub fn is_hidden(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\n' | '\t' | '\r');
    control || turns_writing(c) || is_invisible(c)
}

/// Marks, embeddings, overrides and isolates of the direction of writing.
pub fn turns_writing(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// No width, no ink. Joiners stay, which scripts and pictures are written with.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}' | '\u{200b}'
        | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with hidden characters as their code points: `U+202E` in angle brackets.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let one = |c: char| if is_hidden(c) { format!("<U+{:04X}>", c as u32) } else { c.to_string() };
    Cow::Owned(text.chars().map(one).collect())
}

/// Visible, and no longer than so many characters.
pub fn presentable(text: String, most: usize) -> String {
    let text = match visible(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(shown) => shown,
    };
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{} ...", text[..at].trim_end()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_shown_and_what_is_written_is_kept() {
        assert_eq!(visible("a\u{1b}[31mb\u{9b}2Jc"), "a<U+001B>[31mb<U+009B>2Jc");
        assert_eq!(visible("x\u{202e}y\u{2066}z\u{200b}\u{feff}"), "x<U+202E>y<U+2066>z<U+200B><U+FEFF>");
        for plain in ["Größe\t= 1\n", "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}", "\u{2764}\u{fe0f}"]
        {
            assert!(matches!(visible(plain), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(presentable("ü".repeat(9), 4), "üüüü ...");
        assert_eq!(presentable("ü".repeat(4), 4), "üüüü");
    }
}
