//! Source texts and places in them.
//!
//! Every file that takes part in a compilation (the user's, the standard library's, the table of primitive ops)
//! is one entry of a [`SourceMap`]; a [`Span`] is a byte range of one entry. Spans survive every stage, so that a
//! message about a kernel can still point at the line of the spec that caused it.

pub mod shown;

use serde::{Deserialize, Serialize};

/// One source file of a compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct FileId(pub u32);

impl FileId {
    /// The file of networks that declarations are tried on: no place in it is shown.
    pub const NOWHERE: FileId = FileId(u32::MAX);
}

/// A byte range `start..end` of one file. The default span is empty, in file 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(file: FileId, start: usize, end: usize) -> Span {
        Span { file, start: start as u32, end: end as u32 }
    }

    /// The smallest span that covers both; `self` if they lie in different files.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One file: its name as shown to the user, its text, and where its lines begin.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub name: String,
    pub text: String,
    line_starts: Vec<u32>,
}

/// All files of a compilation.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

/// No more characters of a file's name are shown.
const LONGEST_NAME: usize = 400;

/// A place as people count it: line and column from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineCol {
    pub line: usize,
    pub column: usize,
}

impl SourceMap {
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at as u32 + 1)).collect();
        let name = shown::presentable(name.into(), LONGEST_NAME);
        self.files.push(SourceFile { name, text, line_starts: starts });
        FileId(self.files.len() as u32 - 1)
    }

    /// Takes over all files of another map; ids of that map grow by the number returned.
    pub fn append(&mut self, other: SourceMap) -> u32 {
        let shift = self.files.len() as u32;
        self.files.extend(other.files);
        shift
    }

    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(i as u32), f))
    }

    /// The text under a span (empty if the span does not lie on character boundaries).
    pub fn snippet(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.range()).unwrap_or("")
    }

    pub fn line_col(&self, file: FileId, offset: usize) -> LineCol {
        let f = self.file(file);
        let line = f.line_starts.partition_point(|&s| s as usize <= offset).max(1);
        let start = f.line_starts[line - 1] as usize;
        let end = offset.min(f.text.len());
        let column = f.text.get(start..end).map_or(end.saturating_sub(start), |s| s.chars().count()) + 1;
        LineCol { line, column }
    }

    /// `name:line` of where a span begins.
    pub fn place(&self, span: Span) -> String {
        let at = self.line_col(span.file, span.start as usize);
        format!("{}:{}", self.file(span.file).name, at.line)
    }
}
