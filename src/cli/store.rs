//! `trine store`: what is kept, and what becomes of it.

use super::{Exit, Format, StoreArgs, StoreCommand, commands};
use crate::diag::Diagnostic;
use crate::driver;
use crate::output::Output;
use crate::source::SourceMap;
use crate::store::record::{Outcome, Record};
use crate::store::{Store, export, index};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

pub(super) fn store(args: StoreArgs, out: &mut Output) -> Exit {
    let place = Store::place(args.store.as_deref(), Path::new(""));
    let store = match Store::existing(&place) {
        Ok(store) => store,
        Err(d) => return refused(d, out),
    };
    let done = match args.command {
        StoreCommand::Ls { format } => list(&store, format, out),
        StoreCommand::Show { run, format } => show(&store, &run, format, out),
        StoreCommand::Gc { specs, states, yes, selection } => {
            let options = driver::Options { store: args.store, ..commands::options(&selection, None) };
            return gc(&store, &specs, states, yes, &options, out);
        }
        StoreCommand::Export { csv, parquet, npz, safetensors, run } => {
            tables(&store, csv.as_deref(), parquet.as_deref(), out)
                .and_then(|_| arrays(&store, npz.as_deref(), safetensors.as_deref(), run.as_deref(), out))
        }
        StoreCommand::Verify => return verify(&store, out),
    };
    match done {
        Ok(exit) => exit,
        Err(e) => {
            out.error(&format!("error: {}\n", crate::store::files::plain(&e)));
            Exit::RunFailed
        }
    }
}

fn refused(d: Diagnostic, out: &mut Output) -> Exit {
    commands::report(&[d], &SourceMap::default(), out);
    Exit::RunFailed
}

fn list(store: &Store, format: Format, out: &mut Output) -> io::Result<Exit> {
    let rows = index::rows(store)?;
    if format == Format::Json {
        let all: Vec<_> = rows
            .iter()
            .map(|r| {
                json!({
                    "run": r.run, "spec": r.spec, "experiment": r.experiment, "condition": r.condition, "seed": r.seed,
                    "outcome": r.outcome, "steps": r.steps, "seconds": r.seconds, "ended": r.at,
                })
            })
            .collect();
        out.json(&json!({ "schema": "trine-store/1", "runs": all }));
        return Ok(Exit::Done);
    }
    let head = ["run", "spec", "experiment", "condition", "seed", "outcome", "steps", "seconds"].map(String::from);
    let mut table = vec![head];
    for r in &rows {
        let unknown = r.outcome == "unfinished";
        let number = |text: String| if unknown { String::new() } else { text };
        table.push([
            r.run[..10].to_string(),
            r.spec.clone(),
            r.experiment.clone(),
            r.condition.clone(),
            number(r.seed.to_string()),
            r.outcome.clone(),
            number(r.steps.to_string()),
            number(format!("{:.2}", r.seconds)),
        ]);
    }
    let widths: Vec<usize> = (0..8).map(|i| table.iter().map(|r| r[i].chars().count()).max().unwrap_or(0)).collect();
    for row in &table {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, width))| match i {
            4 | 6 | 7 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        out.data(&format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end()));
    }
    out.note(&format!("{} in {}\n", crate::report::count(rows.len(), "run"), store.root().display()));
    Ok(Exit::Done)
}

/// The one run whose name begins so.
fn named(store: &Store, start: &str) -> io::Result<String> {
    let all = store.runs()?;
    let found: Vec<&String> = all.iter().filter(|r| r.starts_with(start)).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(io::Error::other(format!("no run begins with `{start}`; `trine store ls` lists them"))),
        several => Err(io::Error::other(format!("{} runs begin with `{start}`: write more of it", several.len()))),
    }
}

fn show(store: &Store, run: &str, format: Format, out: &mut Output) -> io::Result<Exit> {
    let run = named(store, run)?;
    let Some(record) = store.find(&run).0 else {
        return Err(io::Error::other(format!("the run {} has not ended yet", &run[..10])));
    };
    if format == Format::Json {
        out.json(&serde_json::to_value(&record).map_err(io::Error::other)?);
        return Ok(Exit::Done);
    }
    let mut lines = vec![
        ("run".to_string(), run.clone()),
        ("spec".to_string(), record.spec.clone()),
        ("experiment".to_string(), record.experiment.clone()),
    ];
    lines.extend(record.settings.iter().cloned());
    lines.push(("seed".into(), record.seed.to_string()));
    let outcome = match &record.outcome {
        Outcome::Done => "done".to_string(),
        Outcome::Fault { step, value, place, .. } => {
            format!("{value} stopped being finite at step {step} ({place})")
        }
    };
    lines.push(("outcome".into(), format!("{outcome}, {} steps in {:.2} s", record.steps, record.seconds)));
    let m = &record.made;
    lines.push((
        "made with".into(),
        format!("trine {}, libtorch {}, {}, {}", m.trine, m.libtorch, m.device, m.processor),
    ));
    for m in &record.measures {
        let last = m.values.last().map_or("nothing".to_string(), |v| v.0.to_string());
        let at = m.at.last().map_or(String::new(), |at| format!(" after {} {at}", m.every));
        lines.push((m.name.clone(), format!("{last}{at} on {}", m.on)));
    }
    let width = lines.iter().map(|(k, _)| k.chars().count()).max().unwrap_or(0);
    for (key, value) in lines {
        out.data(&format!("{key:<width$}  {value}\n"));
    }
    Ok(Exit::Done)
}

/// Removes runs that none of the specs asks for, or weights and states that are not needed for reports.
fn gc(store: &Store, specs: &[String], states: bool, yes: bool, options: &driver::Options, out: &mut Output) -> Exit {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    for spec in specs {
        let mut c = match commands::checked(spec, options, out) {
            Ok(c) => c,
            Err(exit) => return exit,
        };
        match crate::train::names(&mut c, Some(store)) {
            Ok(names) => wanted.extend(names),
            Err(diags) => {
                commands::report(&diags, &c.sources, out);
                return Exit::RunFailed;
            }
        }
    }
    let swept = sweep(store, &wanted, !specs.is_empty(), states, yes);
    match swept {
        Ok((0, 0, _)) => {
            out.data("nothing to remove\n");
            Exit::Done
        }
        Ok((runs, files, bytes)) => {
            let size = format!("{:.1} MB", bytes as f64 / 1e6);
            let what = match (runs, files) {
                (0, n) => format!("the weights of {}, {size}", crate::report::count(n, "run")),
                (n, 0) => format!("{}, {size}", crate::report::count(n, "run")),
                (n, m) => format!("{} and the weights of {m} more, {size}", crate::report::count(n, "run")),
            };
            out.data(&match yes {
                true => format!("removed {what}\n"),
                false => format!("would remove {what}; --yes does it\n"),
            });
            Exit::Done
        }
        Err(e) => {
            out.error(&format!("error: {}\n", crate::store::files::plain(&e)));
            Exit::RunFailed
        }
    }
}

/// The runs and single files that go, and their bytes.
fn sweep(
    store: &Store,
    wanted: &BTreeSet<String>,
    runs: bool,
    states: bool,
    yes: bool,
) -> io::Result<(usize, usize, u64)> {
    let (mut gone, mut files, mut bytes) = (0, 0, 0);
    if yes {
        store.runs()?.iter().for_each(|run| left_behind(&store.folder(run)));
        left_behind(store.root());
    }
    for run in store.runs()? {
        let folder = store.folder(&run);
        // Somebody is at work there.
        if folder.join("claim").exists() {
            continue;
        }
        if runs && !wanted.contains(&run) {
            for file in std::fs::read_dir(&folder)? {
                bytes += file?.metadata()?.len();
            }
            gone += 1;
            if yes {
                std::fs::remove_dir_all(&folder)?;
            }
            continue;
        }
        let state = folder.join("state.safetensors");
        if states && folder.join("run.json").exists() && state.exists() {
            bytes += state.metadata()?.len();
            files += 1;
            if yes {
                std::fs::remove_file(&state)?;
            }
        }
    }
    Ok((gone, files, bytes))
}

/// Removes what somebody who was killed had begun to write.
fn left_behind(folder: &Path) {
    let old = |f: &std::fs::DirEntry| {
        let age = f.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
        f.file_name().to_string_lossy().starts_with(crate::store::files::UNFINISHED)
            && age.is_some_and(|a| a > std::time::Duration::from_secs(3600))
    };
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten().filter(old) {
        let _ = std::fs::remove_file(file.path());
    }
}

fn records(store: &Store) -> io::Result<Vec<(String, Record)>> {
    Ok(store.runs()?.into_iter().filter_map(|run| store.find(&run).0.map(|r| (run, r))).collect())
}

fn tables(store: &Store, csv: Option<&str>, parquet: Option<&str>, out: &mut Output) -> io::Result<Exit> {
    if csv.is_none() && parquet.is_none() {
        return Ok(Exit::Done);
    }
    let records = records(store)?;
    match csv {
        Some("-") => {
            let mut text = Vec::new();
            export::csv(&records, &mut text)?;
            out.data(&String::from_utf8_lossy(&text));
        }
        Some(path) => export::csv(&records, File::create(path)?)?,
        None => {}
    }
    if let Some(path) = parquet {
        export::parquet(&records, File::create(path)?)?;
    }
    out.note(&format!("exported {}\n", crate::report::count(records.len(), "run")));
    Ok(Exit::Done)
}

fn arrays(
    store: &Store,
    npz: Option<&str>,
    safetensors: Option<&str>,
    run: Option<&str>,
    out: &mut Output,
) -> io::Result<Exit> {
    let runs = match run {
        Some(run) => vec![named(store, run)?],
        None => store.runs()?,
    };
    let mut count = 0;
    for (folder, ending) in [(npz, "npz"), (safetensors, "safetensors")] {
        let Some(folder) = folder else { continue };
        std::fs::create_dir_all(folder)?;
        for run in &runs {
            let Ok(state) = export::state(store, run) else { continue };
            let path = Path::new(folder).join(format!("{}.{ending}", called(store, run)));
            match ending {
                "npz" => export::npz(&state, &path)?,
                _ => crate::store::files::write(&path, &state)?,
            }
            count += 1;
        }
    }
    if npz.or(safetensors).is_some() {
        out.note(&format!("exported {}\n", crate::report::count(count, "file")));
    }
    Ok(Exit::Done)
}

/// What an exported file of a run is called: `credit-fa-seed3-3f09ab12`, with nothing in it that a file's name should not have.
fn called(store: &Store, run: &str) -> String {
    let Some(r) = store.find(run).0 else { return format!("unfinished-{}", &run[..8]) };
    let plain = |text: &str| -> String {
        let kept = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '=' | '-') { c } else { ' ' };
        let text: String = text.chars().map(kept).take(60).collect();
        text.split_whitespace().collect::<Vec<_>>().join("-")
    };
    let parts = [plain(&r.experiment), plain(&r.condition), format!("seed{}", r.seed), run[..8].to_string()];
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-")
}

/// Reads all that is there.
fn verify(store: &Store, out: &mut Output) -> Exit {
    let runs = match store.runs() {
        Ok(runs) => runs,
        Err(e) => {
            out.error(&format!("error: {}\n", crate::store::files::plain(&e)));
            return Exit::RunFailed;
        }
    };
    let (mut ended, mut left, mut problems) = (0, 0, Vec::new());
    for run in &runs {
        match store.find(run) {
            (Some(_), _) => ended += 1,
            (None, Some(d)) => problems.push(d),
            (None, None) => left += 1,
        }
        problems.extend(store.check_state(run));
    }
    commands::report(&problems, &SourceMap::default(), out);
    out.data(&format!("{ended} runs are whole, {left} unfinished, {} damaged\n", problems.len()));
    if problems.is_empty() { Exit::Done } else { Exit::RunFailed }
}
