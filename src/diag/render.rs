//! Diagnostics as text. The only file that names miette.
