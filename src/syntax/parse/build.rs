//! Items and headers: from the grammar's pairs to the tree. Statements are in `stmt.rs`, expressions in `expr.rs`.
//!
//! The grammar has already said yes, so a missing part cannot happen; where one is asked for, its absence still gives
//! a value (`ExprKind::Error`), never a panic.

use std::cell::{Cell, RefCell};

use pest::iterators::{Pair, Pairs};

use super::Rule;
use super::scan::Scan;
use super::words::RESERVED;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{FileId, Span};
use crate::syntax::ast::*;

pub struct Builder<'a> {
    pub file: FileId,
    /// Where the parsed piece begins in the file.
    pub base: isize,
    /// Where the piece was put right (an offset in it), and by how many bytes it became longer.
    pub edit: (usize, isize),
    pub text: &'a str,
    pub scan: &'a Scan,
    pub diags: RefCell<&'a mut Diagnostics>,
    /// How deep the expression is that is being built.
    pub height: Cell<usize>,
    /// The next expression is what is expected, which may be an ordering: `a > b > c`.
    pub ordering: Cell<bool>,
}

/// The children of a pair, keywords left out.
pub struct Parts<'i>(std::iter::Peekable<Pairs<'i, Rule>>);

impl<'i> Parts<'i> {
    pub fn of(pair: Pair<'i, Rule>) -> Parts<'i> {
        Parts(pair.into_inner().peekable())
    }

    /// The next child if it is of this rule.
    pub fn get(&mut self, rule: Rule) -> Option<Pair<'i, Rule>> {
        while self.0.next_if(|p| is_keyword(p.as_rule())).is_some() {}
        self.0.next_if(|p| p.as_rule() == rule)
    }

    /// All children of this rule that come next.
    pub fn get_all(&mut self, rule: Rule) -> Vec<Pair<'i, Rule>> {
        std::iter::from_fn(|| self.get(rule)).collect()
    }
}

impl<'i> Iterator for Parts<'i> {
    type Item = Pair<'i, Rule>;

    fn next(&mut self) -> Option<Pair<'i, Rule>> {
        while self.0.next_if(|p| is_keyword(p.as_rule())).is_some() {}
        self.0.next()
    }
}

/// The grammar lists its keywords last, after the rule `words`.
pub fn is_keyword(rule: Rule) -> bool {
    rule > Rule::words
}

impl<'a> Builder<'a> {
    pub fn new(file: FileId, base: isize, text: &'a str, scan: &'a Scan, diags: &'a mut Diagnostics) -> Builder<'a> {
        Builder {
            file,
            base,
            edit: (usize::MAX, 0),
            text,
            scan,
            diags: RefCell::new(diags),
            height: Cell::new(0),
            ordering: Cell::new(false),
        }
    }

    pub fn report(&self, d: Diagnostic) {
        self.diags.borrow_mut().push(d);
    }

    /// The place of a pair, without the white space that the grammar took along.
    pub fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let at = pair.as_span();
        let moved = |offset: usize| if offset > self.edit.0 { self.edit.1 } else { 0 };
        let file = |at: usize| ((self.base + at as isize - moved(at)).max(0) as usize).min(self.text.len());
        let (start, mut end) = (file(at.start()), file(at.end()));
        while end > start && self.text.as_bytes()[end - 1].is_ascii_whitespace() {
            end -= 1;
        }
        Span::new(self.file, start, end)
    }

    /// A name, which must not be a reserved word.
    pub fn ident(&self, pair: Pair<'_, Rule>) -> Ident {
        let ident = self.any_word(pair);
        if let Some(d) = self.listed_otherwise(&ident) {
            self.report(d);
            return ident;
        }
        if RESERVED.contains(&ident.name.as_str()) {
            let message = format!("`{}` is a word of the language and cannot be a name", ident.name);
            let help = format!("choose another name, such as `my_{}`", ident.name);
            self.report(Diagnostic::new(Code::T0107, ident.span, message, "used as a name here").help(help));
        }
        ident
    }

    /// `vary [0.1, 0.2]`, `vary(0.1, 0.2)`
    fn listed_otherwise(&self, ident: &Ident) -> Option<Diagnostic> {
        let rest = self.text.get(ident.span.end as usize..).filter(|_| ident.name == "vary")?;
        let open = rest.find(|c: char| !c.is_whitespace()).filter(|i| rest[*i..].starts_with(['[', '(']))?;
        let mut depth = 0;
        let close = rest.char_indices().find(|(_, c)| {
            depth += i32::from(matches!(c, '[' | '(')) - i32::from(matches!(c, ']' | ')'));
            depth == 0 && matches!(c, ']' | ')')
        });
        let close = close?.0;
        let all = Span { end: ident.span.end + close as u32 + 1, ..ident.span };
        let d = Diagnostic::new(Code::T0101, ident.span, "`vary` lists its values in braces", "");
        let values = rest.get(open + 1..close)?.trim();
        Some(d.help("write `vary { 0.1, 0.2 }`").write(all, format!("vary {{ {values} }}")))
    }

    /// A word where any may stand: after `.`, before the `=` of an argument, a unit.
    pub fn any_word(&self, pair: Pair<'_, Rule>) -> Ident {
        Ident { name: pair.as_str().to_string(), span: self.span(&pair) }
    }

    pub fn no_name(&self) -> Ident {
        Ident { name: String::new(), span: Span { file: self.file, ..Span::default() } }
    }

    pub fn name(&self, parts: &mut Parts<'_>) -> Ident {
        parts.get(Rule::name).map_or_else(|| self.no_name(), |n| self.ident(n))
    }

    pub fn item(&self, pair: Pair<'_, Rule>) -> Option<Item> {
        let span = self.span(&pair);
        let rule = pair.as_rule();
        let mut parts = Parts::of(pair);
        let kind = match rule {
            Rule::language => {
                let version = parts.next()?;
                ItemKind::Language { version: version.as_str().to_string(), version_span: self.span(&version) }
            }
            Rule::import => self.import(parts)?,
            Rule::function => {
                let (name, params, result) = self.signature(parts.get(Rule::signature)?);
                ItemKind::Function { name, params, result, body: self.expr_or_error(parts.get(Rule::expr)) }
            }
            Rule::hypothesis => ItemKind::Hypothesis {
                name: self.name(&mut parts),
                text: parts.get(Rule::text).map(|t| unquoted(t.as_str())),
                body: self.block_of(&mut parts),
            },
            Rule::declaration => self.declaration(parts)?,
            _ => return None,
        };
        Some(Item { doc: self.scan.doc(span.start as usize), span, kind })
    }

    fn import(&self, mut parts: Parts<'_>) -> Option<ItemKind> {
        let path = parts.get(Rule::path)?.into_inner();
        let path = path.map(|w| if w.as_rule() == Rule::name { self.ident(w) } else { self.any_word(w) }).collect();
        let names = parts.map(|n| {
            let mut words = Parts::of(n);
            UseName { name: self.name(&mut words), alias: words.get(Rule::name).map(|a| self.ident(a)) }
        });
        Some(ItemKind::Use { path, names: names.collect() })
    }

    fn declaration(&self, mut parts: Parts<'_>) -> Option<ItemKind> {
        let word = parts.get(Rule::kind)?;
        let kind = DeclKind::ALL.into_iter().find(|k| k.word() == word.as_str())?;
        let name = self.name(&mut parts);
        let params = parts.get(Rule::params).map(|p| self.params(p)).unwrap_or_default();
        let over = parts.get(Rule::over).map(|o| self.over(o));
        parts.get(Rule::arrow);
        let result = parts.get(Rule::name).map(|n| self.ident(n));
        Some(ItemKind::Decl(Decl { kind, name, params, over, result, body: self.block_of(&mut parts) }))
    }

    /// `name(params) -> type`
    pub fn signature(&self, pair: Pair<'_, Rule>) -> (Ident, Vec<Param>, Option<Type>) {
        let mut parts = Parts::of(pair);
        let name = self.name(&mut parts);
        let params = parts.get(Rule::params).map(|p| self.params(p)).unwrap_or_default();
        parts.get(Rule::arrow);
        (name, params, parts.get(Rule::ty).map(|t| self.ty(t)))
    }

    fn params(&self, pair: Pair<'_, Rule>) -> Vec<Param> {
        let param = |p: Pair<'_, Rule>| {
            let span = self.span(&p);
            let mut parts = Parts::of(p);
            let name = self.name(&mut parts);
            let ty = self.ty_of(&mut parts);
            let limits = parts.get(Rule::limits).map(|l| self.limits(l));
            Param { name, ty, limits, default: parts.get(Rule::expr).map(|e| self.expr(e)), span }
        };
        Parts::of(pair).map(param).collect()
    }

    /// `in 0..1`, `in 1..`, `in ..1`
    fn limits(&self, pair: Pair<'_, Rule>) -> Limits {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        if parts.get(Rule::open_end).is_some() {
            return Limits { low: None, high: Some(self.expr_or_error(parts.get(Rule::expr))), span };
        }
        let e = self.expr_or_error(parts.get(Rule::expr));
        match e.kind {
            ExprKind::Binary(BinaryOp::Range, low, high) => Limits { low: Some(*low), high: Some(*high), span },
            _ if parts.get(Rule::open_end).is_some() => Limits { low: Some(e), high: None, span },
            ExprKind::Error => Limits { low: None, high: None, span },
            _ => {
                let d = Diagnostic::new(Code::T0101, span, "a setting lies in a range", "one number");
                self.report(d.help(format!("write both ends, or one: `in {}..`", crate::syntax::print::expr_text(&e))));
                Limits { low: None, high: None, span }
            }
        }
    }

    /// The type that comes next; the grammar has seen one.
    pub fn ty_of(&self, parts: &mut Parts<'_>) -> Type {
        let none = || Type { name: None, dims: None, over: None, span: self.no_name().span };
        parts.get(Rule::ty).map_or_else(none, |t| self.ty(t))
    }

    pub fn ty(&self, pair: Pair<'_, Rule>) -> Type {
        let span = self.span(&pair);
        let mut parts = Parts::of(pair);
        let name = parts.get(Rule::name).map(|n| self.ident(n));
        let dims = parts.get(Rule::dims).map(|d| Parts::of(d).map(|dim| self.dim(dim)).collect());
        Type { name, dims, over: parts.get(Rule::over).map(|o| self.over(o)), span }
    }

    fn dim(&self, pair: Pair<'_, Rule>) -> Dim {
        let span = self.span(&pair);
        match Parts::of(pair).next() {
            Some(p) if p.as_rule() == Rule::expr => Dim::Size(self.expr(p)),
            _ => Dim::Rest(span),
        }
    }

    fn over(&self, pair: Pair<'_, Rule>) -> Over {
        let span = self.span(&pair);
        Over { step: Parts::of(pair).get(Rule::expr).map(|e| self.expr(e)), span }
    }

    pub fn block_of(&self, parts: &mut Parts<'_>) -> Vec<Stmt> {
        parts.get(Rule::block).map(|b| self.block(b)).unwrap_or_default()
    }

    pub fn block(&self, pair: Pair<'_, Rule>) -> Vec<Stmt> {
        pair.into_inner().filter_map(|s| self.stmt(s)).collect()
    }
}

/// A text without its quotes.
pub fn unquoted(text: &str) -> String {
    text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text).to_string()
}
