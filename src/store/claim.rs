//! Who trains what, when several processes share a store, on one machine or over a shared folder.
//!
//! A claim is a file that only one process can make, and that its owner touches while it works. A lock would be let go of by
//! itself when its owner dies, but locks over network file systems are where data get lost. An owner on this machine is dead
//! when its process is; one elsewhere is taken for dead when its claim has not moved for a minute, by the clock of whoever
//! looks, so that the clocks of two machines need not agree.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

const BEAT: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

/// The claims that this process holds, and what it has seen of others.
pub struct Claims {
    own: HashMap<PathBuf, File>,
    others: HashMap<PathBuf, (SystemTime, Instant)>,
    beat: Instant,
    words: String,
}

impl Claims {
    pub fn new() -> Claims {
        let words = format!("{} {} {}\n", machine(), std::process::id(), started(std::process::id()).unwrap_or(0));
        Claims { own: HashMap::new(), others: HashMap::new(), beat: Instant::now(), words }
    }

    /// Whether the claim at `path` is this process's, now or already.
    pub fn take(&mut self, path: &Path) -> io::Result<bool> {
        if self.own.contains_key(path) {
            return Ok(true);
        }
        for _ in 0..3 {
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(mut file) => {
                    if let Err(e) = file.write_all(self.words.as_bytes()).and_then(|()| super::files::share(&file)) {
                        // An empty claim would make others wait for nobody.
                        let _ = std::fs::remove_file(path);
                        return Err(e);
                    }
                    self.own.insert(path.to_path_buf(), file);
                    self.others.remove(path);
                    return Ok(true);
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    if !self.is_left(path) || !remove(path, &std::fs::read_to_string(path).unwrap_or_default())? {
                        return Ok(false);
                    }
                }
                Err(e) => return Err(e),
            }
        }
        Ok(false)
    }

    /// Gives a claim up.
    pub fn give_up(&mut self, path: &Path) {
        if self.own.remove(path).is_some() && std::fs::read_to_string(path).is_ok_and(|w| w == self.words) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Shows that this process is alive.
    pub fn tick(&mut self) {
        if self.beat.elapsed() >= BEAT {
            self.beat = Instant::now();
            for file in self.own.values() {
                let _ = file.set_modified(SystemTime::now());
            }
        }
    }

    /// Whether the owner of a claim is gone.
    fn is_left(&mut self, path: &Path) -> bool {
        let Ok(words) = std::fs::read_to_string(path) else { return false };
        let mut parts = words.split_whitespace();
        let (host, process, start) = (parts.next(), parts.next(), parts.next());
        if host == Some(&machine()) && Path::new("/proc/self").exists() {
            let id = process.and_then(|p| p.parse().ok()).unwrap_or(0);
            return started(id).map(|s| s.to_string()).as_deref() != start;
        }
        let Ok(moved) = std::fs::metadata(path).and_then(|m| m.modified()) else { return false };
        let seen = self.others.entry(path.to_path_buf()).or_insert((moved, Instant::now()));
        if seen.0 != moved {
            *seen = (moved, Instant::now());
        }
        seen.1.elapsed() >= PATIENCE
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        let all: Vec<PathBuf> = self.own.keys().cloned().collect();
        all.iter().for_each(|path| self.give_up(path));
    }
}

/// Removes a claim that was left, unless somebody else was faster; they may have made a new one.
fn remove(path: &Path, words: &str) -> io::Result<bool> {
    let aside = path.with_extension(format!("left-{}", std::process::id()));
    match std::fs::rename(path, &aside) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(e) => return Err(e),
    }
    let same = std::fs::read_to_string(&aside).is_ok_and(|w| w == words);
    if !same {
        let _ = std::fs::hard_link(&aside, path);
    }
    let _ = std::fs::remove_file(&aside);
    Ok(same)
}

/// This boot of this machine, and the processes that see each other on it.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let processes = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let text = format!("{}{}", boot.trim(), processes.display());
    blake3::hash(text.as_bytes()).to_hex()[..16].to_string()
}

/// When a process began, in the system's ticks; none if there is no such process.
fn started(id: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is the program's name in brackets, and may hold anything.
    text.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_holds_a_claim() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claim");
        let (mut a, mut b) = (Claims::new(), Claims::new());
        // As if it were another process, which lives.
        b.words = format!("{} 1 {}\n", machine(), started(1).unwrap_or(0));
        assert!(a.take(&path).unwrap() && a.take(&path).unwrap());
        assert!(!b.take(&path).unwrap());
        a.give_up(&path);
        assert!(!path.exists() && b.take(&path).unwrap() && !a.take(&path).unwrap());
    }

    #[test]
    fn what_the_dead_left_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claim");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let id = child.id();
        child.wait().unwrap();
        std::fs::write(&path, format!("{} {id} 1\n", machine())).unwrap();
        assert!(Claims::new().take(&path).unwrap());
        // One elsewhere is given time.
        std::fs::write(&path, "another-machine 1 1\n").unwrap();
        let mut a = Claims::new();
        assert!(!a.take(&path).unwrap());
        let seen = a.others.get_mut(&path).unwrap();
        seen.1 = Instant::now().checked_sub(2 * PATIENCE).unwrap();
        assert!(a.take(&path).unwrap());
    }
}
