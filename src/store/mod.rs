//! Runs that are kept: trained once, found again by what they mean.
//!
//! A store is a folder, by default `.trine` beside the spec. Each run (a condition with a seed) has a folder of its own,
//! named by the hash of what is trained ([`crate::plan::meaning`]):
//!
//! ```text
//! .trine/VERSION                          what kind of store this is
//! .trine/runs/3f/3f09.../run.json         what was measured; there once the run has ended
//!                       /state.safetensors  weights and states, on the way or at the end
//!                       /claim            whoever trains it now
//! .trine/index.sqlite                     a table of the runs, which can be made again from them
//! ```
//!
//! Every file is written beside its place and moved there, so that it is whole or absent after a crash, over network file
//! systems as well.

mod claim;
pub mod export;
pub mod files;
pub mod index;
pub mod keeper;
pub mod record;
pub mod state;

pub use keeper::Keeper;

use crate::diag::{Code, Diagnostic};
use record::{Record, Unreadable};
use std::io;
use std::path::{Path, PathBuf};

/// The kind of store that this program writes.
const VERSION: u32 = 1;
/// The folder's name.
pub const NAME: &str = ".trine";
/// Names the folder if it lies elsewhere.
pub const VARIABLE: &str = "TRINE_STORE";

/// A folder of runs.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Where the store of a spec in `folder` is: as told, as `TRINE_STORE` says, or beside the spec.
    pub fn place(told: Option<&str>, folder: &Path) -> PathBuf {
        match told
            .map(PathBuf::from)
            .or_else(|| std::env::var_os(VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from))
        {
            Some(path) => path,
            None => folder.join(NAME),
        }
    }

    /// Opens a store, or makes it.
    pub fn open(root: &Path) -> Result<Store, Diagnostic> {
        std::fs::create_dir_all(root.join("runs")).map_err(|e| unusable(root, &files::plain(&e)))?;
        let version = root.join("VERSION");
        match std::fs::read_to_string(&version) {
            Ok(text) => check(root, &text)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let made = files::write(&version, format!("trine store {VERSION}\n").as_bytes());
                made.and_then(|()| files::write(&root.join(".gitignore"), b"*\n"))
                    .map_err(|e| unusable(root, &files::plain(&e)))?;
            }
            Err(e) => return Err(unusable(root, &files::plain(&e))),
        }
        Ok(Store { root: root.to_path_buf() })
    }

    /// Opens a store that must be there.
    pub fn existing(root: &Path) -> Result<Store, Diagnostic> {
        if root.join("VERSION").is_file() {
            return Store::open(root);
        }
        let m = format!("there is no store at {}", root.display());
        Err(Diagnostic::nowhere(Code::T0705, m).help("`trine run` makes one"))
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a run.
    pub fn folder(&self, run: &str) -> PathBuf {
        self.root.join("runs").join(run.get(..2).unwrap_or("00")).join(run)
    }

    /// What is kept of a run that has ended, and what is wrong with it. Nothing is changed by looking.
    pub fn find(&self, run: &str) -> (Option<Record>, Option<Diagnostic>) {
        let path = self.folder(run).join("run.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return (None, None),
            Err(e) => return (None, Some(damaged(&path, &files::plain(&e)))),
        };
        match record::parse(&bytes) {
            Ok(record) => (Some(record), None),
            Err(Unreadable::Other(kind)) => (None, Some(of_another_version(&path, &kind))),
            Err(Unreadable::Damaged(why)) => (None, Some(damaged(&path, &why))),
        }
    }

    /// What is wrong with the weights that are kept of a run.
    pub fn check_state(&self, run: &str) -> Option<Diagnostic> {
        let path = self.folder(run).join("state.safetensors");
        match std::fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => Some(damaged(&path, &files::plain(&e))),
            Ok(bytes) => state::damage(&bytes).map(|why| damaged(&path, &why)),
        }
    }

    /// Keeps what a run came to. What was there and could not be read is moved aside, and not lost.
    pub fn put(&self, run: &str, record: &Record) -> io::Result<()> {
        let path = self.folder(run).join("run.json");
        std::fs::create_dir_all(self.folder(run))?;
        if let Ok(old) = std::fs::read(&path) {
            match record::parse(&old) {
                Ok(_) => {}
                Err(Unreadable::Damaged(_)) => drop(std::fs::rename(&path, path.with_extension("damaged"))),
                Err(Unreadable::Other(_)) => drop(std::fs::rename(&path, path.with_extension("other"))),
            }
        }
        files::write(&path, &record::bytes(record).map_err(io::Error::other)?)
    }

    /// The names of all runs, ended or not, in order.
    pub fn runs(&self) -> io::Result<Vec<String>> {
        let mut all = Vec::new();
        for shelf in std::fs::read_dir(self.root.join("runs"))? {
            let shelf = shelf?.path();
            if !shelf.is_dir() {
                continue;
            }
            for run in std::fs::read_dir(shelf)? {
                let name = run?.file_name().to_string_lossy().into_owned();
                if name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()) {
                    all.push(name);
                }
            }
        }
        all.sort();
        Ok(all)
    }
}

fn check(root: &Path, text: &str) -> Result<(), Diagnostic> {
    let number = text.trim().strip_prefix("trine store ").and_then(|n| n.parse::<u32>().ok());
    match number {
        Some(n) if n <= VERSION => Ok(()),
        Some(n) => {
            let d = unusable(root, &format!("it is of version {n}, and this trine knows versions up to {VERSION}"));
            Err(d.help("use the newer trine, or another folder: `--store DIR`"))
        }
        None => Err(unusable(root, "its VERSION is not that of a store")),
    }
}

fn unusable(root: &Path, why: &str) -> Diagnostic {
    let m = format!("the store at {} cannot be used: {why}", root.display());
    let help = "name another folder for the runs: `--store DIR`";
    Diagnostic::nowhere(Code::T0705, m).help(help)
}

fn damaged(path: &Path, why: &str) -> Diagnostic {
    let m = format!("a stored run is damaged, and counts as not trained: {}: {why}", path.display());
    let help = "`trine run` trains it again and moves the file aside; nothing else depends on it";
    Diagnostic::nowhere(Code::T0706, m).help(help)
}

fn of_another_version(path: &Path, kind: &str) -> Diagnostic {
    let m = format!(
        "a stored run is of the kind `{kind}`, and this trine knows `{}`: {} counts as not trained",
        record::SCHEMA,
        path.display()
    );
    let help = "read it with the trine that wrote it; `trine run` trains it again and moves the file aside";
    Diagnostic::nowhere(Code::T0706, m).help(help)
}
