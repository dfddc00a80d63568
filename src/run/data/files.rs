//! Finding and opening data files: plain or compressed with gzip.

use super::{DataError, quoted};
use crate::diag::{Code, did_you_mean};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

/// A data file that exists.
pub struct Found {
    /// As written in the spec.
    pub name: String,
    pub path: PathBuf,
}

/// A data file as a stream of its (unpacked) bytes.
pub struct Opened {
    pub reader: Box<dyn Read>,
    /// The most bytes that can come out of it: its size, or what its size can unpack to.
    pub limit: u64,
}

/// Deflate makes at most 1,032 bytes out of one.
pub const UNPACKED: u64 = 1032;

/// The file of a path in the spec, relative to the spec's folder; a missing one is looked for among its neighbours.
pub fn find(name: &str, folder: &Path) -> Result<Found, DataError> {
    let path = folder.join(name);
    match std::fs::metadata(&path) {
        Ok(meta) if meta.is_file() => Ok(Found { name: name.to_string(), path }),
        Ok(meta) => {
            let what = if meta.is_dir() { "a folder" } else { "no ordinary file" };
            Err(DataError::new(Code::T0501, format!("`{name}` is {what}")).help("name a file of data"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // What was fetched packed and never unpacked is the same data.
            let packed = PathBuf::from(format!("{}.gz", path.display()));
            match packed.is_file() {
                true => Ok(Found { name: format!("{name}.gz"), path: packed }),
                false => Err(missing(name, &path)),
            }
        }
        Err(error) => Err(DataError::new(Code::T0501, format!("`{name}` cannot be opened: {}", plain(&error)))),
    }
}

impl Found {
    pub fn open(&self) -> Result<Opened, DataError> {
        let mut file = self.file()?;
        let size = file.metadata().map_err(|e| self.unreadable(&e))?.len();
        let mut magic = [0; 2];
        let packed = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
        file.rewind().map_err(|e| self.unreadable(&e))?;
        let file = BufReader::with_capacity(1 << 16, file);
        Ok(match packed {
            true => Opened {
                reader: Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(file))),
                limit: size.saturating_mul(UNPACKED),
            },
            false => Opened { reader: Box::new(file), limit: size },
        })
    }

    pub fn file(&self) -> Result<File, DataError> {
        File::open(&self.path).map_err(|e| self.unreadable(&e))
    }

    /// An error of reading as a fault of the data: cut off, or not what it claims to be.
    pub fn unreadable(&self, error: &io::Error) -> DataError {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("it ends too early"),
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => {
                DataError::new(Code::T0501, format!("`{}` cannot be opened: {}", self.name, plain(error)))
            }
            _ => self.damaged(plain(error)),
        }
    }

    pub fn damaged(&self, why: impl std::fmt::Display) -> DataError {
        DataError::new(Code::T0502, format!("`{}` is damaged: {why}", self.name)).help("fetch or write the file again")
    }
}

/// The words of an error of the system, without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map(|c| c.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn missing(name: &str, path: &Path) -> DataError {
    let error = DataError::new(Code::T0501, format!("there is no file `{name}`"));
    let parent = path.parent().unwrap_or(Path::new("."));
    let shown = Path::new(name).parent().filter(|p| !p.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(parent) else {
        return match shown {
            Some(shown) => error.help(format!("there is no folder `{}` either", shown.display())),
            None => error.help("relative paths begin at the folder of the spec"),
        };
    };
    let mut files: Vec<String> = entries
        .flatten()
        .take(10_000)
        .filter(|e| e.path().is_file())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let wanted = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let full = |file: &str| shown.map_or(file.to_string(), |s| s.join(file).display().to_string());
    if let Some(near) = did_you_mean(&wanted, files.iter().map(String::as_str)) {
        return error.help(format!("did you mean `{}`?", full(near)));
    }
    let ending = Path::new(&wanted).extension().map(|e| e.to_os_string());
    let alike: Vec<&str> = files
        .iter()
        .map(String::as_str)
        .filter(|f| Path::new(f).extension().map(|e| e.to_os_string()) == ending)
        .collect();
    match alike.is_empty() {
        true => error.help("relative paths begin at the folder of the spec"),
        false => error.help(format!("files there: {}; relative paths begin at the folder of the spec", quoted(alike))),
    }
}
