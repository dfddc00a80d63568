//! A report in the form that was asked for, and the files that were asked for besides.

use super::{Exit, ReportFormat, Writing};
use crate::output::Output;
use crate::report::{self, Look, Report};
use std::io::Write;
use std::path::Path;

impl Writing {
    /// Whether the text and architectures of the spec are told of, and not its numbers alone.
    pub(super) fn tells_of_the_spec(&self) -> bool {
        self.html.is_some() || self.format == ReportFormat::Markdown
    }
}

/// Writes a report everywhere that it was asked for; what cannot be written is said, and the rest is written all the same.
pub(super) fn write(report: &Report, writing: &Writing, out: &mut Output) -> Result<(), Exit> {
    match writing.format {
        ReportFormat::Json => out.json(&report::json(report)),
        ReportFormat::Markdown => out.data(&report::markdown(report)),
        ReportFormat::Human => {
            let look = out.data_look();
            let look = Look { width: look.width, color: look.color, unicode: look.unicode };
            out.data(&report::terminal_as(report, look));
        }
    }
    let mut done = Ok(());
    if let Some(path) = &writing.html {
        let page = report::html(report).map_err(std::io::Error::other);
        match page.and_then(|page| put(Path::new(path), page.as_bytes())) {
            Ok(()) => out.note(&format!("the page is `{path}`\n")),
            Err(e) => {
                out.error(&format!("error: `{path}` cannot be written: {e}\n"));
                done = Err(Exit::RunFailed);
            }
        }
    }
    if let Some(folder) = &writing.tensorboard
        && let Err(e) = events(report, Path::new(folder))
    {
        out.error(&format!("error: event files cannot be written to `{folder}`: {e}\n"));
        done = Err(Exit::RunFailed);
    }
    done
}

fn events(report: &Report, folder: &Path) -> std::io::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    for (name, bytes) in report::tensorboard(&report.facts, now.as_secs_f64().floor()) {
        let path = folder.join(name);
        // What an earlier run has left there would be drawn over the new courses.
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
            for old in std::fs::read_dir(parent)?.flatten() {
                let name = old.file_name();
                if name.to_string_lossy().starts_with("events.out.tfevents.")
                    && name.to_string_lossy().ends_with(".trine")
                {
                    std::fs::remove_file(old.path())?;
                }
            }
        }
        put(&path, &bytes)?;
    }
    Ok(())
}

/// A file that is whole or not there.
fn put(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    crate::store::files::share(temporary.as_file())?;
    temporary.persist(path)?;
    Ok(())
}
