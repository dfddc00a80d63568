//! The canonical form of a file (`trine fmt`), and of an expression or type where a message or a report quotes one.
//!
//! Layout follows from the tree alone, except for comments and for empty lines between statements, which are kept. A
//! statement with a comment in the middle of it is left as it was written, apart from its indentation.

mod doc;
mod expr;
mod stmt;

use super::ast::*;
use super::parse::scan::{Kind, Scan, scan};
use crate::source::{FileId, Span};
use doc::{Doc, bracketed, flat, group, layout, nest, row, text};

/// The canonical text of an expression, on one line.
pub fn expr_text(e: &Expr) -> String {
    flat(&expr::expr(e))
}

/// `0..1`, `1..`: what a setting may be.
pub fn limits_text(l: &Limits) -> String {
    let end = |e: &Option<Expr>| e.as_ref().map_or(String::new(), expr_text);
    format!("{}..{}", end(&l.low), end(&l.high))
}

/// The canonical text of a type, on one line.
pub fn type_text(t: &Type) -> String {
    flat(&expr::ty(t))
}

/// The canonical text of a statement without a block, on one line.
pub fn stmt_text(s: &Stmt) -> String {
    flat(&stmt::stmt(&s.kind))
}

/// The canonical form of `text`, of which `file` is the tree. A file with syntax faults has no canonical form: what
/// could not be parsed is not in the tree.
pub fn format(file: &File, text: &str) -> String {
    let scan = scan(FileId::default(), text);
    let mut printer = Printer { text, scan: &scan, comments: &file.comments, out: String::new(), at: 0 };
    printer.items(&file.items);
    printer.out
}

struct Printer<'a> {
    text: &'a str,
    scan: &'a Scan,
    /// The comments that are still to be printed.
    comments: &'a [Comment],
    out: String,
    /// The end of what was printed last, in the source.
    at: usize,
}

impl<'a> Printer<'a> {
    fn items(&mut self, items: &[Item]) {
        let mut before: Option<&Item> = None;
        for item in items {
            let start = item.span.start as usize;
            let apart = before.is_some_and(|b| !(one_line(b) && one_line(item)));
            self.comments_until(start, 0, apart);
            // Where comments stand before the item, they have been set apart already.
            if self.out.is_empty() || self.after_comment(start) {
                self.empty_line_as_written(start);
            } else if apart {
                self.empty_line();
            } else {
                self.empty_line_as_written(start);
            }
            self.item(item);
            before = Some(item);
        }
        self.comments_until(self.text.len(), 0, false);
    }

    fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Decl(d) => self.block(item.span, 0, declaration(d), &d.body),
            ItemKind::Hypothesis { name, text: t, body } => {
                let quoted = t.as_ref().map_or(String::new(), |t| format!(" \"{t}\""));
                self.block(item.span, 0, text(format!("hypothesis {}{quoted}", name.name)), body);
            }
            ItemKind::Language { version, .. } => self.line(item.span, 0, &text(format!("language {version}"))),
            ItemKind::Use { path, names } => self.line(item.span, 0, &import(path, names)),
            ItemKind::Function { name, params: p, result, body } => {
                let result = row(result.iter().map(|t| row([text(" -> "), expr::ty(t)])));
                let head = row([text(format!("function {}", name.name)), params(p), result, text(" =")]);
                let doc = group(row([head, nest(2, row([Doc::Break(" "), expr::expr(body)]))]));
                self.line(item.span, 0, &doc);
            }
        }
    }

    fn statements(&mut self, body: &[Stmt], indent: usize, end: usize) {
        for (i, s) in body.iter().enumerate() {
            let start = s.span.start as usize;
            let first = i == 0;
            self.comments_until(start, indent, false);
            if !first || self.after_comment(start) {
                self.empty_line_as_written(start);
            }
            match stmt::block_of(&s.kind) {
                Some((header, inner)) => self.block(s.span, indent, header, inner),
                None => self.line(s.span, indent, &stmt::stmt(&s.kind)),
            }
        }
        self.comments_until(end, indent, false);
    }

    /// `header { statements }`, over several lines.
    fn block(&mut self, span: Span, indent: usize, header: Doc, body: &[Stmt]) {
        let (start, end) = (span.start as usize, span.end as usize);
        let open = self.opener(start, end);
        if self.has_comment(start, open) {
            self.as_written(start, open + 1, indent);
        } else {
            self.begin(indent);
            let line = row([header, text(" {")]);
            self.out.push_str(&layout(&line, indent));
        }
        self.at = open + 1;
        let close = end.saturating_sub(1).max(self.at);
        if body.is_empty() && !self.has_comment(self.at, close) {
            self.out.push_str("}\n");
        } else {
            self.out.push('\n');
            self.statements(body, indent + 2, close);
            self.begin(indent);
            self.out.push_str("}\n");
        }
        self.at = end;
    }

    /// A statement or item without a block.
    fn line(&mut self, span: Span, indent: usize, doc: &Doc) {
        let (start, end) = (span.start as usize, span.end as usize);
        if self.has_comment(start, end) {
            self.as_written(start, end, indent);
        } else {
            self.begin(indent);
            self.out.push_str(&layout(doc, indent));
        }
        self.out.push('\n');
        self.at = end;
    }

    fn begin(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    /// The offset of the brace that the last token before `end` closes.
    fn opener(&self, start: usize, end: usize) -> usize {
        let mut open = Vec::new();
        let mut last = start;
        for token in self.scan.within(start, end) {
            match token.kind {
                Kind::Open => open.push(token.start),
                Kind::Close => last = open.pop().unwrap_or(start),
                _ => {}
            }
        }
        last
    }

    // ---- what the tree does not hold

    fn has_comment(&self, start: usize, end: usize) -> bool {
        self.comments.iter().take_while(|c| (c.span.start as usize) < end).any(|c| c.span.start as usize >= start)
    }

    /// Prints the comments before `end`. With `apart`, an empty line stands before the first one on a line of its own.
    fn comments_until(&mut self, end: usize, indent: usize, mut apart: bool) {
        while let Some(comment) = self.comments.first().filter(|c| (c.span.start as usize) < end) {
            self.comments = &self.comments[1..];
            if comment.own_line {
                match std::mem::take(&mut apart) {
                    true => self.empty_line(),
                    false if self.opens_block() => {}
                    false => self.empty_line_as_written(comment.span.start as usize),
                }
                self.begin(indent);
                self.out.push_str(&comment.text);
                self.out.push('\n');
            } else {
                // Behind what stands on its line.
                if self.out.ends_with('\n') {
                    self.out.pop();
                    self.out.push_str("  ");
                }
                self.out.push_str(&comment.text);
                self.out.push('\n');
            }
            self.at = comment.span.end as usize;
        }
    }

    /// Whether the last line printed opens a block.
    fn opens_block(&self) -> bool {
        self.out.is_empty() || self.out.ends_with("{\n")
    }

    /// Whether a comment on a line of its own is the last thing before `start`.
    fn after_comment(&self, start: usize) -> bool {
        let line = self.out.trim_end().rsplit('\n').next().unwrap_or("");
        line.trim_start().starts_with('#') && self.text[self.at..start].trim().is_empty()
    }

    fn empty_line(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// An empty line if there is one in the source between what was printed last and `next`.
    fn empty_line_as_written(&mut self, next: usize) {
        let between = self.text.get(self.at..next).unwrap_or("");
        if between.bytes().filter(|b| *b == b'\n').count() > 1 {
            self.empty_line();
        }
    }

    /// The source from `start` to `end`, moved as a whole to `indent`.
    fn as_written(&mut self, start: usize, end: usize, indent: usize) {
        let line_start = self.text[..start].rfind('\n').map_or(0, |i| i + 1);
        let blank = |l: &str| l.len() - l.trim_start_matches([' ', '\t']).len();
        let from = blank(&self.text[line_start..]);
        for (i, line) in self.text[start..end].lines().enumerate() {
            let content = line.trim();
            if i > 0 {
                self.out.push('\n');
            }
            if content.is_empty() {
                continue;
            }
            let deeper = if i == 0 { 0 } else { blank(line).saturating_sub(from) };
            self.begin(indent + deeper);
            self.out.push_str(content);
        }
        self.comments = &self.comments[self.comments.partition_point(|c| (c.span.start as usize) < end)..];
    }
}

fn one_line(item: &Item) -> bool {
    matches!(item.kind, ItemKind::Language { .. } | ItemKind::Use { .. } | ItemKind::Function { .. })
}

fn declaration(d: &Decl) -> Doc {
    let mut out = vec![text(format!("{} {}", d.kind.word(), d.name.name))];
    // An experiment is not called; everything else shows that it is.
    if d.kind != DeclKind::Experiment || !d.params.is_empty() {
        out.push(params(&d.params));
    }
    if let Some(over) = &d.over {
        out.extend([text(" "), expr::over(over)]);
    }
    if let Some(result) = &d.result {
        out.push(text(format!(" -> {}", result.name)));
    }
    Doc::Row(out)
}

fn params(list: &[Param]) -> Doc {
    let param = |p: &Param| {
        let default = row(p.default.iter().map(|e| row([text(" = "), expr::expr(e)])));
        let limits = text(p.limits.as_ref().map_or(String::new(), |l| format!(" in {}", limits_text(l))));
        row([text(format!("{}: ", p.name.name)), expr::ty(&p.ty), limits, default])
    };
    bracketed("(", list.iter().map(param).collect(), ")", 4)
}

fn import(path: &[Ident], names: &[UseName]) -> Doc {
    let path: Vec<&str> = path.iter().map(|p| p.name.as_str()).collect();
    let name = |n: &UseName| match &n.alias {
        Some(alias) => format!("{} as {}", n.name.name, alias.name),
        None => n.name.name.clone(),
    };
    let mut out = vec![text(format!("use {}", path.join(".")))];
    if !names.is_empty() {
        out.push(text(": "));
        out.push(nest(4, doc::join(names.iter().map(|n| text(name(n))), row([text(","), Doc::Break(" ")]))));
    }
    group(Doc::Row(out))
}
