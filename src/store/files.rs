//! Files that are whole or absent, and that are still there after the power was cut.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Puts `bytes` in the place of a file in one step.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    share(file.as_file())?;
    file.as_file().sync_data()?;
    file.persist(path)?;
    // The name is in the folder, which is written as well.
    File::open(folder)?.sync_all()
}

/// How the names of files begin that are being written.
pub const UNFINISHED: &str = ".new-";

/// Who may read a folder of runs may read its files: a temporary file is its owner's alone.
#[cfg(unix)]
pub fn share(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o666 & !umask()))
}

#[cfg(not(unix))]
pub fn share(_: &File) -> io::Result<()> {
    Ok(())
}

/// What new files are not allowed, as the system tells of this process.
#[cfg(unix)]
fn umask() -> u32 {
    static MASK: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("Umask:"));
        line.and_then(|m| u32::from_str_radix(m.trim(), 8).ok()).unwrap_or(0o022)
    });
    *MASK
}

/// The words of an error of the system, without its number.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
