//! Diagnostics for other programs: JSON (`trine-check/1`), SARIF 2.1.0, and annotations of GitHub's workflows.
//!
//! Lines and columns count from 1, columns in characters; an end is the column after the last character.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::render::{Place, place};
use super::{Code, Diagnostic, Label, Severity};
use crate::source::SourceMap;

/// One JSON object with every diagnostic; a diagnostic that lies in no file has `null` for its place.
pub fn render_json(diags: &[Diagnostic], sources: &SourceMap) -> String {
    let list: Vec<Value> = diags.iter().map(|d| json_diagnostic(d, sources)).collect();
    pretty(&json!({ "schema": "trine-check/1", "diagnostics": list }))
}

fn json_diagnostic(d: &Diagnostic, sources: &SourceMap) -> Value {
    let mut out = Map::new();
    out.insert("code".into(), json!(d.code.name()));
    out.insert("severity".into(), json!(d.severity().word()));
    out.insert("message".into(), json!(d.message));
    put_place(&mut out, d.labels.first().and_then(|l| place(sources, l)));
    out.insert("help".into(), json!(d.way_out(sources)));
    out.insert("labels".into(), d.labels.iter().map(|l| json_label(l, sources)).collect());
    Value::Object(out)
}

fn json_label(label: &Label, sources: &SourceMap) -> Value {
    let mut out = Map::new();
    put_place(&mut out, place(sources, label));
    out.insert("text".into(), json!(label.text));
    Value::Object(out)
}

fn put_place(out: &mut Map<String, Value>, place: Option<Place>) {
    let values = match place {
        Some(p) => [json!(p.file), json!(p.start.line), json!(p.start.column), json!(p.end.line), json!(p.end.column)],
        None => std::array::from_fn(|_| Value::Null),
    };
    for (key, value) in ["file", "line", "column", "end_line", "end_column"].into_iter().zip(values) {
        out.insert(key.into(), value);
    }
}

/// One SARIF 2.1.0 log with one run.
pub fn render_sarif(diags: &[Diagnostic], sources: &SourceMap) -> String {
    let mut codes: Vec<Code> = diags.iter().map(|d| d.code).collect();
    codes.sort();
    codes.dedup();
    let rules: Vec<Value> = codes
        .iter()
        .map(|c| {
            json!({
                "id": c.name(),
                "shortDescription": { "text": c.title() },
                "help": { "text": c.page(), "markdown": c.page() },
                "defaultConfiguration": { "level": c.severity().word() },
            })
        })
        .collect();
    let results: Vec<Value> = diags
        .iter()
        .map(|d| {
            let mut out = Map::new();
            out.insert("ruleId".into(), json!(d.code.name()));
            out.insert("ruleIndex".into(), json!(codes.iter().position(|c| *c == d.code)));
            out.insert("level".into(), json!(d.severity().word()));
            out.insert("message".into(), json!({ "text": with_help(d, sources) }));
            let locations: Vec<Value> = d.labels.first().and_then(|l| sarif_location(l, sources)).into_iter().collect();
            out.insert("locations".into(), json!(locations));
            let related: Vec<Value> = d.labels.iter().skip(1).filter_map(|l| sarif_location(l, sources)).collect();
            if !related.is_empty() {
                out.insert("relatedLocations".into(), json!(related));
            }
            Value::Object(out)
        })
        .collect();
    pretty(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "trine", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

fn sarif_location(label: &Label, sources: &SourceMap) -> Option<Value> {
    let at = place(sources, label)?;
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(at.file) },
            "region": {
                "startLine": at.start.line,
                "startColumn": at.start.column,
                "endLine": at.end.line,
                "endColumn": at.end.column,
            },
        },
    });
    if !label.text.is_empty() {
        location["message"] = json!({ "text": label.text });
    }
    Some(location)
}

/// A path as a relative URI: every byte that is not unreserved or `/` is written as `%XX`.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.replace('\\', "/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte as char),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

/// One workflow command a diagnostic.
pub fn render_github(diags: &[Diagnostic], sources: &SourceMap) -> String {
    let mut out = String::new();
    for d in diags {
        let level = match d.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let mut properties = Vec::new();
        if let Some(at) = d.labels.first().and_then(|l| place(sources, l)) {
            properties.push(format!("file={}", escape(at.file, true)));
            properties.push(format!("line={},endLine={}", at.start.line, at.end.line));
            // Columns of a place of several lines are refused.
            if at.start.line == at.end.line {
                properties.push(format!("col={},endColumn={}", at.start.column, at.end.column));
            }
        }
        properties.push(format!("title={}", escape(&format!("{}[{}]", d.severity().word(), d.code), true)));
        let _ = writeln!(out, "::{level} {}::{}", properties.join(","), escape(&with_help(d, sources), false));
    }
    out
}

fn with_help(d: &Diagnostic, sources: &SourceMap) -> String {
    match d.way_out(sources) {
        Some(help) => format!("{}\nhelp: {help}", d.message),
        None => d.message.clone(),
    }
}

fn escape(text: &str, property: bool) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    match property {
        true => text.replace(':', "%3A").replace(',', "%2C"),
        false => text,
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, Span};

    fn one() -> (Vec<Diagnostic>, SourceMap) {
        let mut sources = SourceMap::default();
        let file = sources.add("a b.trine", "ü = one\ntwo\n");
        let d = Diagnostic::new(Code::T0201, Span::new(file, 5, 8), "`one` is not defined", "not found")
            .also(Span::new(file, 9, 12), "near this")
            .help("50 % of it, say");
        let lost = Diagnostic::new(Code::T0803, Span::new(FileId(7), 0, 0), "nowhere", "");
        (vec![d, lost], sources)
    }

    #[test]
    fn json_has_the_fields_of_the_contract() {
        let (diags, sources) = one();
        let value: Value = serde_json::from_str(&render_json(&diags, &sources)).unwrap_or_default();
        assert_eq!(value["schema"], "trine-check/1");
        let d = &value["diagnostics"][0];
        let keys: Vec<&str> = d.as_object().map(|o| o.keys().map(|k| k.as_str()).collect()).unwrap_or_default();
        let wanted = ["code", "severity", "message", "file", "line", "column", "end_line", "end_column", "help"];
        assert_eq!(keys[..9], wanted);
        assert_eq!((&d["line"], &d["column"], &d["end_column"]), (&json!(1), &json!(5), &json!(8)));
        assert_eq!(value["diagnostics"][1]["file"], Value::Null);
    }

    #[test]
    fn sarif_escapes_paths_and_relates_second_places() {
        let (diags, sources) = one();
        let value: Value = serde_json::from_str(&render_sarif(&diags, &sources)).unwrap_or_default();
        let result = &value["runs"][0]["results"][0];
        let at = &result["locations"][0]["physicalLocation"];
        assert_eq!(at["artifactLocation"]["uri"], "a%20b.trine");
        assert_eq!(at["region"]["startColumn"], 5);
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "near this");
        assert_eq!(value["runs"][0]["tool"]["driver"]["rules"][0]["id"], "T0201");
    }

    #[test]
    fn github_escapes_what_would_end_a_command() {
        let (diags, sources) = one();
        let text = render_github(&diags, &sources);
        let first = "::error file=a b.trine,line=1,endLine=1,col=5,endColumn=8,title=error[T0201]::`one` is not defined%0Ahelp: 50 %25 of it, say\n";
        assert!(text.starts_with(first), "{text}");
    }
}
