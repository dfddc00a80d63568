//! Files to a program: modules, imports, items, duplicates and unused names.

use super::declare::declare;
use super::library::{MODULES, StdModule};
use crate::diag::elsewhere::{self, At};
use crate::diag::{Code, Diagnostic, Diagnostics, did_you_mean, listed};
use crate::ir::{Entry, Import, Item, ItemId, ItemKind, Module, ModuleId, Param, ParamType, Program, Unread};
use crate::model::words::RESERVED;
use crate::ops::table::TABLE;
use crate::source::{FileId, SourceMap, Span};
use crate::syntax::ast::{self, Ident, UseName};
use crate::syntax::parse::outline::{outline, outlined};
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::LazyLock;

/// A setting of an experiment given on the command line: `--set batch=16`, `--set credit.batch=16`.
#[derive(Clone, Debug)]
pub struct Override {
    pub name: String,
    pub value: ast::Expr,
    pub span: Span,
}

/// Reads a program from a file that is already in `sources`; imports of the user's own modules are read from `folder`.
pub fn collect(
    sources: &mut SourceMap,
    main: FileId,
    folder: &Path,
    overrides: &[Override],
    diags: &mut Diagnostics,
) -> (Program, ast::File) {
    let mut c = Collector {
        sources,
        diags,
        program: Program::default(),
        folder: folder.to_path_buf(),
        reading: vec![],
        named: IndexMap::new(),
        overrides: overrides.to_vec(),
        applied: vec![false; overrides.len()],
    };
    c.primitives();
    for m in MODULES {
        c.std_module(m);
    }
    let tree = c.user_module("main".into(), main);
    c.unapplied();
    let program = c.program;
    (program, tree)
}

struct Collector<'a> {
    sources: &'a mut SourceMap,
    diags: &'a mut Diagnostics,
    program: Program,
    folder: PathBuf,
    /// The modules that are being read, each imported by the one before.
    reading: Vec<String>,
    /// Modules by name.
    named: IndexMap<String, ModuleId>,
    overrides: Vec<Override>,
    /// Which of them some experiment has taken.
    applied: Vec<bool>,
}

impl Collector<'_> {
    fn module(&mut self, name: &str, file: FileId, std: bool) -> ModuleId {
        let id = ModuleId(self.program.modules.len() as u32);
        self.program.modules.push(Module { name: name.into(), file, scope: IndexMap::new(), std });
        self.named.insert(name.into(), id);
        id
    }

    /// The table of primitive functions, the first module: each is read by the ordinary parser when it is asked for.
    fn primitives(&mut self) {
        let file = self.sources.add("primitive functions", PRIMITIVES.as_str());
        let module = self.module("prim", file, true);
        let read = |of: &Unread| match read(of) {
            (item, ast::ItemKind::Function { params, .. }) => {
                let params = super::declare::params(params, &mut Diagnostics::default());
                Item { params, kind: ItemKind::Primitive(of.id.0 as usize), ..item }
            }
            (item, _) => item,
        };
        self.unread(module, file, &PRIMITIVES, read);
        self.share(module);
    }

    /// The items of a text of the library, which are read when they are asked for.
    fn unread(&mut self, module: ModuleId, file: FileId, text: &'static str, read: fn(&Unread) -> Item) {
        for at in outline(text) {
            let id = ItemId(self.program.items.len() as u32);
            let (name, span) = (text[at.name.clone()].to_string(), Span::new(file, at.name.start, at.name.end));
            self.program.items.push(Entry::unread(Unread { id, module, file, text, at, read }));
            let import = Import { item: id, span, own: true };
            self.program.modules[module.0 as usize].scope.insert(name, import);
        }
    }

    /// Brings a module's own names into scope everywhere.
    fn share(&mut self, module: ModuleId) {
        let own = self.program.module(module).scope.iter().filter(|(_, i)| i.own);
        let own: Vec<_> = own.map(|(n, i)| (n.clone(), i.item)).collect();
        self.program.prelude.extend(own);
    }

    fn item(
        &mut self,
        module: ModuleId,
        name: &Ident,
        doc: String,
        span: Span,
        params: Vec<Param>,
        kind: ItemKind,
    ) -> ItemId {
        let id = ItemId(self.program.items.len() as u32);
        let item = Item { id, module, name: name.name.clone(), doc, name_span: name.span, span, params, kind };
        self.program.items.push(Entry::new(item));
        let import = Import { item: id, span: name.span, own: true };
        self.program.modules[module.0 as usize].scope.insert(name.name.clone(), import);
        id
    }

    fn std_module(&mut self, m: &StdModule) {
        let mut module = None;
        for (name, text) in m.files {
            let file = self.sources.add(*name, *text);
            self.program.library.insert(file);
            let id = *module.get_or_insert(ModuleId(self.program.modules.len() as u32));
            if self.program.modules.len() == id.0 as usize {
                self.module(m.name, file, true);
            }
            self.unread(id, file, text, |of| {
                let (item, kind) = read(of);
                let (params, kind) = declare(kind, "", &mut Diagnostics::default());
                Item { params, kind, ..item }
            });
        }
        if let (Some(id), true) = (module, m.prelude) {
            self.share(id);
        }
    }

    fn user_module(&mut self, name: String, file: FileId) -> ast::File {
        let text = self.sources.file(file).text.clone();
        let tree = crate::syntax::parse::parse(file, &text, self.diags);
        let id = self.module(&name, file, false);
        self.program.user.push(id);
        // The given file may be imported by its own name.
        let stem = Path::new(&self.sources.file(file).name).file_stem().map(|s| s.to_string_lossy().into_owned());
        self.reading.push(if name == "main" { stem.unwrap_or(name) } else { name });
        self.imports(id, &tree);
        self.reading.pop();
        self.declarations(id, tree.clone());
        tree
    }

    fn imports(&mut self, module: ModuleId, tree: &ast::File) {
        for item in &tree.items {
            let ast::ItemKind::Use { path, names } = &item.kind else { continue };
            let full = path.iter().map(|i| i.name.as_str()).collect::<Vec<_>>().join(".");
            let span = path.first().map_or(item.span, |f| f.span.to(path.last().map_or(f.span, |l| l.span)));
            let (from, known) = match self.find_module(&full, span) {
                Ok(from) => (Some(from), true),
                Err(meant) => (meant, false),
            };
            for n in names {
                self.import(module, from.map(|id| (id, full.as_str())), known, n);
            }
        }
    }

    /// One name from a module. A fault is told here, and what was meant is brought into scope: where the name is used
    /// nothing is told of it again.
    fn import(&mut self, module: ModuleId, from: Option<(ModuleId, &str)>, told: bool, n: &UseName) {
        let own = |name: &str| {
            let scope = from.map(|(id, _)| &self.program.module(id).scope)?;
            scope.get(name).filter(|i| i.own).map(|i| i.item)
        };
        let found = own(&n.name.name);
        let (Some((id, full)), None) = (from, found) else { return self.import_name(module, n, found) };
        let all = self.program.module(id).scope.iter().filter(|(_, i)| i.own).map(|(n, _)| n.as_str());
        let near = did_you_mean(&n.name.name, all.clone()).map(str::to_string);
        let meant = near.as_ref().and_then(|near| own(near).map(|item| (near.clone(), item)));
        if told {
            let d = Diagnostic::new(
                Code::T0204,
                n.name.span,
                format!("`{full}` has no `{}`", n.name.name),
                "not found there",
            );
            let has = match self.program.module(id).std {
                true => format!("`trine doc {full}` lists what it has"),
                false => format!("it has {}", listed(all.clone())),
            };
            self.diags.push(d.meant_or(&n.name.name, all, has));
        }
        self.import_name(module, n, None);
        if let Some((near, item)) = meant.filter(|_| n.alias.is_none()) {
            let import = Import { item, span: n.name.span, own: false };
            self.program.modules[module.0 as usize].scope.entry(near).or_insert(import);
        }
    }

    fn import_name(&mut self, module: ModuleId, n: &UseName, found: Option<ItemId>) {
        let name = n.alias.as_ref().unwrap_or(&n.name);
        let Some(item) = found else {
            // A damaged item stands for it.
            let id = self.item(module, name, String::new(), name.span, vec![], ItemKind::Environment);
            self.program.damaged.borrow_mut().insert(id);
            self.program.used.borrow_mut().insert(name.span);
            return;
        };
        if let Some(old) = self.program.module(module).scope.get(&name.name) {
            let d = Diagnostic::twice(&name.name, name.span, old.span);
            self.diags.push(d.help("rename one: `use module: name as other`"));
            return;
        }
        if matches!(self.program.item(item).kind, ItemKind::Function { .. }) {
            self.no_word(name);
        }
        let import = Import { item, span: name.span, own: false };
        self.program.modules[module.0 as usize].scope.insert(name.name.clone(), import);
    }

    /// What every rule means by a word is meant by no function; what is not called in a rule may have its name.
    fn no_word(&mut self, name: &Ident) {
        if RESERVED.contains(&name.name.as_str()) {
            let m = format!("`{}` is a word of rules and cannot be a function's name", name.name);
            let d = Diagnostic::new(Code::T0107, name.span, m, "");
            self.diags.push(d.help(format!("choose another name, such as `own_{}`", name.name)));
        }
    }

    /// Modules that import each other have no order in which they could be read.
    fn cycle(&mut self, full: &str, span: Span) {
        let from = self.reading.iter().position(|r| r == full).unwrap_or(0);
        let mut way: Vec<String> = self.reading[from..].iter().map(|r| format!("`{r}`")).collect();
        way.push(format!("`{full}`"));
        let m = match way.len() {
            2 => format!("{} imports itself", way[0]),
            _ => format!("these modules import each other: {}", way.join(" -> ")),
        };
        let d = Diagnostic::new(Code::T0204, span, m, "leads back");
        self.diags.push(match way.len() {
            2 => d.help("what a file declares is in scope there without an import"),
            _ => d.help("move what both need into a file that imports neither"),
        });
    }

    /// The module of a name, or, after a message, the one that is likely meant.
    fn find_module(&mut self, full: &str, span: Span) -> Result<ModuleId, Option<ModuleId>> {
        if self.reading.iter().any(|r| r == full) {
            self.cycle(full, span);
            return Err(None);
        }
        if let Some(id) = self.named.get(full) {
            return Ok(*id);
        }
        if full != "std" && !full.starts_with("std.") {
            let path = self.folder.join(format!("{}.trine", full.replace('.', "/")));
            let shown = format!("{}.trine", full.replace('.', "/"));
            match crate::input::read_text(&path.to_string_lossy()) {
                Ok(text) => {
                    let file = self.sources.add(shown, text);
                    self.user_module(full.to_string(), file);
                    return self.named.get(full).copied().ok_or(None);
                }
                Err(unread) if !unread.is_missing() => {
                    self.diags.push(unread.at(span, &shown, "imported here"));
                    return Err(None);
                }
                Err(_) => {}
            }
        }
        let d = Diagnostic::new(Code::T0204, span, format!("there is no module `{full}`"), "not found");
        let modules = format!(
            "the standard modules are {}; a module of your own is a file `{}.trine` beside this one",
            standard(),
            full.replace('.', "/")
        );
        let mut known: Vec<&str> = self.named.keys().map(String::as_str).collect();
        known.sort_unstable();
        let near = did_you_mean(full, known.iter().copied()).and_then(|n| self.named.get(n).copied());
        self.diags.push(d.meant_or(full, known, modules));
        Err(near)
    }

    /// Settings given on the command line take the place of the spec's own.
    fn override_settings(&mut self, name: &str, kind: &mut ItemKind) {
        let ItemKind::Experiment(x) = kind else { return };
        for (o, applied) in self.overrides.iter().zip(&mut self.applied) {
            let setting = match o.name.split_once('.') {
                Some((experiment, setting)) if experiment == name => setting,
                Some(_) => continue,
                None => o.name.as_str(),
            };
            if !super::declare::SETTINGS.contains(&setting) {
                // An argument by its name, such as `hidden = 64`, or a `let` of the experiment.
                for (e, _) in x.settings.values_mut() {
                    *applied |= replace_argument(e, setting, &o.value);
                }
                for (head, e) in x.lets.iter_mut().filter(|(h, _)| h.name.name == setting && h.args.is_empty()) {
                    *applied = true;
                    head.span = o.span;
                    *e = o.value.clone();
                }
                continue;
            }
            *applied = true;
            match setting {
                "train" => x.train = Some((ast::Train::For(o.value.clone()), o.span)),
                _ => drop(x.settings.insert(setting.to_string(), (o.value.clone(), o.span))),
            }
        }
    }

    fn unapplied(&mut self) {
        for (o, applied) in self.overrides.iter().zip(&self.applied) {
            if !applied {
                let d = Diagnostic::new(
                    Code::T0803,
                    o.span,
                    format!("`--set {}` names nothing that can be set", o.name),
                    "",
                );
                let all = super::declare::SETTINGS.join(", ");
                let all = format!("an experiment has {all}, its `let`s, and the arguments that it gives by name");
                self.diags.push(match elsewhere::find(At::Setting, &o.name) {
                    Some(row) if !row.here.is_empty() => {
                        d.help(format!("the setting is called `{}`: `--set {0}=...`", row.here))
                    }
                    _ => d.meant_or(&o.name, super::declare::SETTINGS, all),
                });
            }
        }
    }

    fn declarations(&mut self, module: ModuleId, tree: ast::File) {
        for item in tree.items {
            let ast::Item { doc, span, kind } = item;
            let name = match &kind {
                ast::ItemKind::Decl(d) => d.name.clone(),
                ast::ItemKind::Function { name, .. } | ast::ItemKind::Hypothesis { name, .. } => name.clone(),
                ast::ItemKind::Language { .. } | ast::ItemKind::Use { .. } => continue,
            };
            // What stands for an import that failed has been told of.
            let failed = |i: &&Import| self.program.item(i.item).span == i.span && self.program.is_damaged(i.item);
            let old = self.program.module(module).scope.get(&name.name);
            if let Some(old) = old.filter(|i| !failed(i)) {
                self.diags.push(Diagnostic::twice(&name.name, name.span, old.span));
                continue;
            }
            if matches!(&kind, ast::ItemKind::Function { .. }) {
                self.no_word(&name);
            }
            let optimizer = self.program.example("optimizer");
            let (params, mut kind) = declare(kind, &optimizer, self.diags);
            self.override_settings(&name.name, &mut kind);
            if let ItemKind::Experiment(x) = &mut kind {
                super::spread::spread(x, self.diags);
            }
            self.item(module, &name, doc, span, params, kind);
        }
    }
}

/// The table of primitive functions as a text.
static PRIMITIVES: LazyLock<String> = LazyLock::new(|| {
    let rows = TABLE.iter().map(|e| format!("## {}\nfunction {} = ???\n", e.doc, e.signature));
    std::iter::once("language 0.1\n".to_string()).chain(rows).collect()
});

/// An item of the library without what its declaration says, and that. The library is sound: a test reads all of it.
fn read(of: &Unread) -> (Item, ast::ItemKind) {
    let found = outlined(of.file, of.text, &of.at, &mut Diagnostics::default());
    let (doc, span, kind) = found.map_or((String::new(), Span::default(), NOTHING), |i| (i.doc, i.span, i.kind));
    let name_span = Span::new(of.file, of.at.name.start, of.at.name.end);
    let name = of.text[of.at.name.clone()].to_string();
    (
        Item { id: of.id, module: of.module, name, doc, name_span, span, params: vec![], kind: ItemKind::Environment },
        kind,
    )
}

const NOTHING: ast::ItemKind = ast::ItemKind::Use { path: vec![], names: vec![] };

fn standard() -> String {
    MODULES.iter().filter(|m| !m.prelude).map(|m| format!("`{}`", m.name)).collect::<Vec<_>>().join(" and ")
}

impl Program {
    /// The standard module that has an item of this name, if it must be imported.
    pub fn exporter(&self, name: &str) -> Option<&str> {
        let has = |m: &&Module| m.std && m.scope.get(name).is_some_and(|i| i.own);
        self.modules.iter().find(has).map(|m| m.name.as_str())
    }

    /// Items that hold a fault are damaged; a fault of syntax outside of all items means that an item is lost.
    pub fn note_damage(&mut self, diags: &mut Diagnostics) {
        for d in diags.iter().filter(|d| d.severity() == crate::diag::Severity::Error) {
            let (at, syntax) = (d.span(), d.code < Code::T0201);
            let within = |i: &&Rc<Item>| i.holds(at);
            let Some(id) = self.user_items().find(within).map(|i| i.id) else {
                self.lost |= syntax;
                continue;
            };
            self.damaged.borrow_mut().insert(id);
            if syntax {
                self.broken.insert(id);
            }
        }
        // What was found of an item as a whole may follow from a line of it that could not be read, or that does not belong.
        let faulty = |codes: &dyn Fn(Code) -> bool| -> Vec<Rc<Item>> {
            let within = |i: &&Rc<Item>| diags.iter().any(|d| codes(d.code) && i.holds(d.span()));
            self.user_items().filter(within).cloned().collect()
        };
        let unread = faulty(&|c| c < Code::T0201);
        let partly = faulty(&|c| c < Code::T0201 || matches!(c, Code::T0202 | Code::T0210));
        diags.drop_if(&|d| match d.code {
            Code::T0201 | Code::T0210 => unread.iter().any(|i| i.holds(d.span())),
            Code::T0207 => partly.iter().any(|i| i.name_span == d.span()),
            _ => false,
        });
    }

    /// Splits of the user's tasks that no experiment trains on or measures, where some experiment has the task.
    pub fn unused_splits(&self, diags: &mut Diagnostics) {
        let used = self.used.borrow();
        // Another spec may train on what an imported task keeps apart.
        for item in self.user_items().filter(|i| self.user.first() == Some(&i.module)) {
            let ItemKind::Task(task) = &item.kind else { continue };
            let (some, none): (Vec<_>, Vec<_>) = task.splits.iter().partition(|(n, _)| used.contains(&n.span));
            for (name, _) in none.into_iter().filter(|_| !some.is_empty()) {
                let m = format!("no experiment trains on the split `{}`, or measures on it", name.name);
                let d = Diagnostic::new(Code::T0203, name.span, m, "unused");
                let unnamed = ["train", "test"].into_iter().filter(|n| !task.splits.iter().any(|s| s.0.name == **n));
                diags.push(match did_you_mean(&name.name, unnamed) {
                    Some(near) => d.help(format!("did you mean `{near}`?")),
                    None => d.help(format!("measure there: `measure name = ... on {}`, or remove it", name.name)),
                });
            }
        }
    }

    /// Imports and parameters of the user's files that nothing has read.
    pub fn unused(&self, sources: &SourceMap, diags: &mut Diagnostics) {
        let used = self.used.borrow();
        // A population that nothing projects from may be read by an objective or a measure.
        diags.drop_if(&|d| d.code == Code::T0203 && used.contains(&d.span()));
        for id in &self.user {
            for (name, import) in &self.module(*id).scope {
                if !import.own && !used.contains(&import.span) {
                    let d = Diagnostic::new(
                        Code::T0203,
                        import.span,
                        format!("`{name}` is imported and never used"),
                        "unused",
                    );
                    diags.push(d.help("remove it from the `use` line"));
                }
            }
        }
        for item in self.user_items() {
            if let ItemKind::Experiment(x) = &item.kind {
                for (head, _) in x.lets.iter().filter(|(h, _)| !used.contains(&h.name.span)) {
                    let name = &head.name.name;
                    if !self.is_damaged(item.id) && !named_within(sources, item, name) {
                        let m = format!("`{name}` of `{}` is never used", item.name);
                        let d = Diagnostic::new(Code::T0203, head.name.span, m, "unused");
                        diags.push(d.help("use it, or remove it"));
                    }
                }
            }
            let port = |p: &&Param| {
                !matches!(
                    (&item.kind, &p.ty),
                    (ItemKind::Architecture { .. } | ItemKind::Projection(_), ParamType::Tensor { .. })
                )
            };
            for p in item.params.iter().filter(port) {
                let in_types = item.params.iter().any(|o| mentions(&o.ty, &p.name));
                if !used.contains(&p.span)
                    && !in_types
                    && !self.is_damaged(item.id)
                    && !named_within(sources, item, &p.name)
                {
                    let m = format!("`{}` of `{}` is never used", p.name, item.name);
                    diags.push(Diagnostic::new(Code::T0203, p.span, m, "unused").help("use it, or remove it"));
                }
            }
        }
    }
}

/// Whether the text of a declaration has the name of a parameter elsewhere: in a branch that no elaboration took, or in
/// a declaration that is only elaborated where it is used.
fn named_within(sources: &SourceMap, item: &Item, name: &str) -> bool {
    let text = sources.snippet(item.span).lines().map(|l| l.split('#').next().unwrap_or(""));
    let word = |w: &&str| *w == name;
    text.flat_map(|l| l.split(|c: char| !c.is_alphanumeric() && c != '_')).filter(word).count() > 1
}

fn mentions(ty: &ParamType, name: &str) -> bool {
    let ParamType::Tensor { dims, .. } = ty else { return false };
    dims.iter().any(|d| match d {
        ast::Dim::Size(e) => {
            crate::syntax::print::expr_text(e).split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == name)
        }
        ast::Dim::Rest(_) => false,
    })
}

/// Gives every argument of this name another value; says whether there was one.
fn replace_argument(e: &mut ast::Expr, name: &str, value: &ast::Expr) -> bool {
    use ast::ExprKind::*;
    match &mut e.kind {
        Call(f, args) => {
            let mut found = replace_argument(f, name, value);
            for a in args {
                if a.name.as_ref().is_some_and(|n| n.name == name) {
                    a.value = value.clone();
                    found = true;
                } else {
                    found |= replace_argument(&mut a.value, name, value);
                }
            }
            found
        }
        _ => {
            let mut found = false;
            super::spread::children(e, &mut |x| found |= replace_argument(x, name, value));
            found
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items of the library are read one by one, and their faults are heard by nobody: here they are.
    #[test]
    fn the_library_is_sound() {
        let texts = MODULES.iter().flat_map(|m| m.files).copied().chain([("primitive functions", PRIMITIVES.as_str())]);
        for (n, (name, text)) in texts.enumerate() {
            let (file, mut diags) = (FileId(n as u32), Diagnostics::default());
            let whole = crate::syntax::parse::parse(file, text, &mut diags);
            let read = outline(text).iter().filter_map(|o| outlined(file, text, o, &mut diags)).collect::<Vec<_>>();
            assert_eq!(format!("{:?}", &whole.items[1..]), format!("{read:?}"), "{name}");
            read.into_iter().for_each(|i| drop(declare(i.kind, "", &mut diags)));
            assert!(diags.is_empty(), "{name}: {:?}", diags.iter().next());
        }
    }
}
