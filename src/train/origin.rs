//! Where numbers come from besides the spec: the machines that made them, and the commit that holds the spec.

use crate::driver::Compilation;
use crate::plan::Plan;
use crate::source::{FileId, SourceFile};
use crate::store::record::Made;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The kinds of machine and versions that runs were made with, each with the number of its runs, the most frequent first.
pub fn kinds<'m>(runs: impl Iterator<Item = &'m Made>) -> Vec<(Made, usize)> {
    let mut all: Vec<(Made, usize)> = Vec::new();
    for made in runs {
        let made = Made { at: 0, ..made.clone() };
        match all.iter_mut().find(|(m, _)| *m == made) {
            Some((_, n)) => *n += 1,
            None => all.push((made, 1)),
        }
    }
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    all
}

/// The commit of the repository that the spec lies in, and whether the spec, what it imports or its data are not as they are
/// there.
pub fn commit<'p>(c: &Compilation, plans: impl Iterator<Item = &'p Plan>) -> (Option<String>, bool) {
    let folder = if c.folder.as_os_str().is_empty() { Path::new(".") } else { &c.folder };
    let git = |args: &[&str], files: &[PathBuf]| {
        let out = Command::new("git").arg("-C").arg(folder).args(args).args(files).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_string())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"], &[]).filter(|text| !text.is_empty()) else {
        return (None, false);
    };
    // Imports are called as they lie beside the spec.
    let written = c.sources.files().filter(|(id, f)| !c.program.library.contains(id) && f.name.ends_with(".trine"));
    let place = |(id, f): (FileId, &SourceFile)| match id.0 {
        0 => PathBuf::from(&f.name),
        _ => folder.join(&f.name),
    };
    let mut files: Vec<PathBuf> = written.map(place).filter_map(|path| std::fs::canonicalize(path).ok()).collect();
    // What comes from standard input is in no commit.
    if files.is_empty() {
        return (Some(commit), true);
    }
    for plan in plans {
        let paths = plan.data.as_ref().map(|d| d.source.paths()).unwrap_or_default();
        let found = paths.iter().filter_map(|p| std::fs::canonicalize(folder.join(p)).ok());
        files.extend(found.filter(|p| !files.contains(p)).collect::<Vec<_>>());
    }
    // A file outside of the repository makes git refuse all of them.
    let changed = files.into_iter().any(|file| {
        git(&["status", "--porcelain", "--ignored", "--"], &[file]).is_none_or(|listed| !listed.is_empty())
    });
    (Some(commit), changed)
}

/// The processor's class of vector instructions, on which the last bits depend.
pub fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if std::is_x86_feature_detected!("avx2") {
            return "avx2";
        }
        "sse2"
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::env::consts::ARCH
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::{Options, load};

    #[test]
    fn kinds_are_counted_whenever_the_runs_were_made() {
        let made = |processor: &str, at| Made { processor: processor.into(), at, ..Made::default() };
        let all = [made("avx2", 1), made("avx512", 2), made("avx512", 3)];
        assert_eq!(kinds(all.iter()), vec![(made("avx512", 0), 2), (made("avx2", 0), 1)]);
    }

    #[test]
    fn a_commit_is_that_of_the_spec_only_if_nothing_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let own = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
            let done = Command::new("git").args(own).args(args).current_dir(folder.path()).output().unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let spec = folder.path().join("s.trine");
        let changed = || {
            let c = load(&spec.to_string_lossy(), &Options::default());
            let (commit, changed) = commit(&c, std::iter::empty());
            (commit.is_some(), changed)
        };
        let rule = "language 0.1\n\nrule mine() {\n  update p along p.outer(p.post.rate, p.pre.rate)\n}\n";
        write("rules.trine", rule);
        write("s.trine", "language 0.1\nuse rules: mine\n");
        assert_eq!(changed(), (false, false));
        git(&["init", "-q"]);
        git(&["add", "s.trine"]);
        git(&["commit", "-qm", "first"]);
        // What it imports is not there.
        assert_eq!(changed(), (true, true));
        git(&["add", "rules.trine"]);
        git(&["commit", "-qm", "second"]);
        write("other.txt", "not the spec's");
        assert_eq!(changed(), (true, false));
        write("rules.trine", &rule.replace("p.post.rate,", "2 * p.post.rate,"));
        assert_eq!(changed(), (true, true));
    }
}
