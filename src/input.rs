//! Reading spec files: from disk or standard input, bounded, and refused with a diagnostic if they are not text.

use std::io::Read;

use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, SourceMap, Span};

/// A spec larger than this is refused.
pub const MAX_BYTES: u64 = 1 << 20;

/// The name under which standard input is shown.
pub const STDIN: &str = "<stdin>";

/// Adds the file at `path` (`-` is standard input) to the sources. A file that cannot be read is added empty, so that
/// the diagnostic has a place to name.
pub fn read(path: &str, sources: &mut SourceMap) -> (FileId, Option<Diagnostic>) {
    let name = if path == "-" { STDIN } else { path };
    match read_text(path) {
        Ok(text) => (sources.add(name, text), None),
        Err(fault) => {
            let file = sources.add(name, "");
            (file, Some(fault.at(Span::new(file, 0, 0), name, "")))
        }
    }
}

/// The text of a spec, or of a file that one imports.
pub fn read_text(path: &str) -> Result<String, Unread> {
    let unread = |(code, fault)| Unread { code, fault };
    read_bytes(path).map_err(|e| (Code::T0801, e)).and_then(text).map_err(unread)
}

/// Why a file was not read.
pub struct Unread {
    code: Code,
    fault: Fault,
}

impl Unread {
    /// As a message that calls the file by a name.
    pub fn at(self, span: Span, name: &str, label: &str) -> Diagnostic {
        let d = Diagnostic::new(self.code, span, format!("`{name}` {}", self.fault.what), label);
        if self.fault.help.is_empty() { d } else { d.help(self.fault.help) }
    }

    /// Whether there is no such file at all.
    pub fn is_missing(&self) -> bool {
        self.fault.missing
    }
}

struct Fault {
    what: String,
    help: String,
    missing: bool,
}

fn fault(what: impl Into<String>, help: impl Into<String>) -> Fault {
    Fault { what: what.into(), help: help.into(), missing: false }
}

/// What a path leads to, if it is no file: such may have no end, or wait for somebody to write.
fn no_file(path: &str) -> Option<Fault> {
    let kind = std::fs::metadata(path).ok()?.file_type();
    if kind.is_file() {
        return None;
    }
    if kind.is_dir() {
        return Some(fault("is a folder, not a file", specs_in(path)));
    }
    Some(fault("is a pipe or a device, not a file", "standard input is called `-`: `trine check - < spec.trine`"))
}

fn read_bytes(path: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there is more, without reading an endless file to its end.
    if let Some(fault) = no_file(path).filter(|_| path != "-") {
        return Err(fault);
    }
    let result = if path == "-" {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    match result {
        Ok(_) => Ok(bytes),
        Err(e) => Err(match e.kind() {
            std::io::ErrorKind::NotFound => Fault { missing: true, ..fault("does not exist", nearby(path)) },
            std::io::ErrorKind::IsADirectory => fault("is a folder, not a file", specs_in(path)),
            std::io::ErrorKind::PermissionDenied => fault("may not be read (permission denied)", ""),
            _ => fault(format!("cannot be read: {}", words(&e)), ""),
        }),
    }
}

fn text(bytes: Vec<u8>) -> Result<String, (Code, Fault)> {
    if bytes.len() as u64 > MAX_BYTES {
        let what = format!("is larger than {} KiB, the most that a spec may have", MAX_BYTES >> 10);
        return Err((Code::T0104, fault(what, "keep data in its own file and name it in the task's `source`")));
    }
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        let help = match bytes.get(..2) {
            Some([0xff, 0xfe] | [0xfe, 0xff]) => "this looks like UTF-16; save it as UTF-8",
            _ => "give a spec, a text file whose first line is `language 0.1`",
        };
        return Err((Code::T0106, fault(format!("is not text: byte {} is zero", at + 1), help)));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let byte = e.as_bytes().get(at).copied().unwrap_or_default();
        let line = 1 + e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
        let what = format!("is not UTF-8 text: byte {} (0x{byte:02x}, in line {line}) begins no character", at + 1);
        (Code::T0106, fault(what, "save the file with the encoding UTF-8"))
    })?;
    // A byte order mark is not part of the text.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// What the system says, without its error number.
fn words(e: &std::io::Error) -> String {
    let text = e.to_string().to_lowercase();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// The help for a file that does not exist: one with almost the same name.
fn nearby(path: &str) -> String {
    let path = std::path::Path::new(path);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(std::path::Path::new("."));
    let names: Vec<String> = spec_names(folder);
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    match crate::diag::did_you_mean(&name, names.iter().map(String::as_str)) {
        Some(near) => format!("there is `{}`", path.with_file_name(near).display()),
        None => String::new(),
    }
}

fn specs_in(folder: &str) -> String {
    match spec_names(std::path::Path::new(folder)).first() {
        Some(name) => format!("name a file in it, such as `{}`", std::path::Path::new(folder).join(name).display()),
        None => String::new(),
    }
}

fn spec_names(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|n| n.ends_with(".trine"))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(bytes: &[u8]) -> Option<(Code, String)> {
        text(bytes.to_vec()).err().map(|(code, fault)| (code, fault.what))
    }

    #[test]
    fn what_is_not_text_is_refused_with_its_place() {
        assert_eq!(text(b"\xef\xbb\xbflanguage 0.1".to_vec()).ok().as_deref(), Some("language 0.1"));
        assert!(matches!(code_of(b"a\0b"), Some((Code::T0106, what)) if what.contains("byte 2 ")));
        assert!(matches!(code_of(b"a\n\xff"), Some((Code::T0106, what)) if what.contains("0xff, in line 2")));
        assert!(matches!(code_of(&vec![b'a'; MAX_BYTES as usize + 1]), Some((Code::T0104, _))));
        assert!(code_of(&vec![b'a'; MAX_BYTES as usize]).is_none());
    }

    #[test]
    fn a_missing_file_has_a_place_to_name() {
        let mut sources = SourceMap::default();
        let (file, d) = read("no/such/file.trine", &mut sources);
        assert_eq!(sources.file(file).name, "no/such/file.trine");
        assert_eq!(d.map(|d| (d.code, d.message)), Some((Code::T0801, "`no/such/file.trine` does not exist".into())));
    }
}
