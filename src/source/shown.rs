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

/// The same of what is written to a terminal or into a pipe, where colors stay, and nothing goes back to the beginning of
/// a line.
pub fn written(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) || c == '\r';
    if !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        match c {
            _ if !hidden(c) => out.push(c),
            '\u{1b}' if is_color(rest) => out.push(c),
            '\r' if rest.starts_with("\r\n") => out.push(c),
            _ => out += &format!("<U+{:04X}>", c as u32),
        }
    }
    Cow::Owned(out)
}

/// Whether the text begins with a sequence that changes colors and weights, and nothing else.
fn is_color(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("\u{1b}[") else { return false };
    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == ';'));
    // Concealed text would be none that is seen.
    end.is_some_and(|end| rest[end..].starts_with('m') && !rest[..end].split(';').any(|n| n == "8"))
}

/// The same within a page.
pub fn on_a_page(page: String) -> String {
    match page.chars().any(is_hidden) {
        true => page
            .chars()
            .map(|c| if is_hidden(c) { format!("&lt;U+{:04X}&gt;", c as u32) } else { c.to_string() })
            .collect(),
        false => page,
    }
}

/// The same within JSON, which keeps what it was.
pub fn in_json(text: String) -> String {
    if !text.chars().any(is_hidden) {
        return text;
    }
    let escaped = |c: char| c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")).collect::<String>();
    text.chars().map(|c| if is_hidden(c) { escaped(c) } else { c.to_string() }).collect()
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
    fn colors_are_written_and_nothing_else_that_a_terminal_obeys() {
        assert_eq!(written("\u{1b}[1;31mred\u{1b}[0m\n"), "\u{1b}[1;31mred\u{1b}[0m\n");
        assert_eq!(written("a\u{1b}[2Jb\u{1b}]0;t\u{7}c"), "a<U+001B>[2Jb<U+001B>]0;t<U+0007>c");
        assert_eq!(written("\u{1b}[8mc\u{1b}[0;8md"), "<U+001B>[8mc<U+001B>[0;8md");
        assert_eq!(written("no\rone\r\n\u{1b}"), "no<U+000D>one\r\n<U+001B>");
    }

    #[test]
    fn pages_show_and_json_keeps_what_hides() {
        assert_eq!(on_a_page("<b>\u{202e}</b>".into()), "<b>&lt;U+202E&gt;</b>");
        let text = "a\u{202e}\u{9b}\u{e0041}".to_string();
        let json = in_json(serde_json::Value::from(text.clone()).to_string());
        assert_eq!(json, "\"a\\u202e\\u009b\\udb40\\udc41\"");
        assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(text));
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(presentable("ü".repeat(9), 4), "üüüü ...");
        assert_eq!(presentable("ü".repeat(4), 4), "üüüü");
    }
}
