//! The manual: every item of the standard library and every primitive function, from its own declaration.

use crate::diag::Diagnostics;
use crate::diag::did_you_mean;
use crate::ir::print::signature;
use crate::ir::{Item, ItemKind, Program};
use crate::source::SourceMap;

/// The standard library as a program of its own.
pub fn library() -> (SourceMap, Program) {
    let mut sources = SourceMap::default();
    let file = sources.add("empty", "language 0.1\n");
    let mut diags = Diagnostics::default();
    let (program, _) = crate::check::collect::collect(&mut sources, file, std::path::Path::new(""), &[], &mut diags);
    (sources, program)
}

/// All names by module, each with the first sentence of its doc.
pub fn contents() -> String {
    let (_, program) = library();
    let mut out = String::new();
    for (m, module) in program.modules.iter().enumerate().filter(|(_, m)| m.std) {
        out += &format!("{}\n", if module.name == "prim" { "primitive functions" } else { &module.name });
        for item in program.items.iter().filter(|e| e.module.0 as usize == m).map(|e| e.item()) {
            let doc = item.doc.replace('\n', " ");
            out += &format!("  {:<32} {}\n", item.name, sentence(&doc).trim_end_matches('.'));
        }
        out += "\n";
    }
    out += "`trine doc NAME` shows one of them, `trine doc std.rules` a module.\n";
    out
}

/// The first sentence: it ends with a full stop before a capital letter, outside of code.
fn sentence(text: &str) -> &str {
    let ends = |at: &usize| {
        let code = text[..*at].matches('`').count() % 2 == 1;
        !code && text[at + 2..].starts_with(char::is_uppercase)
    };
    text.match_indices(". ").map(|m| m.0).find(ends).map_or(text, |at| &text[..at])
}

/// The page of one item or module; an error is a sentence.
pub fn page(name: &str) -> Result<String, String> {
    let (sources, program) = library();
    if let Some(m) = program.modules.iter().position(|m| m.std && m.name == name) {
        let items = program.items.iter().filter(|e| e.module.0 as usize == m).map(|e| e.item());
        return Ok(items.map(|i| entry(&sources, &program, i)).collect::<Vec<_>>().join("\n"));
    }
    let short = name.rsplit('.').next().unwrap_or(name);
    let found: Vec<&std::rc::Rc<Item>> = program.items.iter().filter(|e| e.name == short).map(|e| e.item()).collect();
    if found.is_empty() {
        let near = did_you_mean(name, program.items.iter().map(|i| i.name.as_str()));
        let help = near.map_or("`trine doc` lists what there is".to_string(), |n| format!("did you mean `{n}`?"));
        return Err(format!("nothing in the standard library is called `{name}`; {help}"));
    }
    Ok(found.iter().map(|i| entry(&sources, &program, i)).collect::<Vec<_>>().join("\n"))
}

fn entry(sources: &SourceMap, program: &Program, item: &Item) -> String {
    let module = &program.module(item.module).name;
    let head = match &item.kind {
        ItemKind::Primitive(row) => format!("function {}", crate::ops::table::TABLE[*row].signature),
        _ => signature(item),
    };
    let mut out = format!("{head}\n");
    for line in item.doc.lines() {
        out += &format!("  {line}\n");
    }
    match &item.kind {
        ItemKind::Primitive(_) => out += "  A primitive function, in scope everywhere.\n",
        _ => {
            let prelude = program.prelude.get(&item.name) == Some(&item.id);
            let scope =
                if prelude { "In scope everywhere.".to_string() } else { format!("use {module}: {}", item.name) };
            out += &format!("  {scope}\n\n");
            for line in sources.snippet(item.span).trim_end().lines() {
                out += &format!("    {line}\n");
            }
        }
    }
    out
}
