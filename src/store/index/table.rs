//! The table, in SQLite.

use super::{Row, row, unfinished};
use crate::store::Store;
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::io;
use std::time::UNIX_EPOCH;

const VERSION: i64 = 1;

pub fn rows(store: &Store) -> io::Result<Vec<Row>> {
    let mut connection = open(store).map_err(in_words)?;
    if let Ok(found) = listed(store, &mut connection) {
        return Ok(found);
    }
    // Damaged further in, or somebody else's: it is a copy of the folders, and can be made again without its file.
    drop(connection);
    let _ = std::fs::remove_file(path(store));
    let mut connection = open(store).map_err(in_words)?;
    listed(store, &mut connection).or_else(|_| {
        let mut connection = Connection::open_in_memory().map_err(in_words)?;
        prepare(&connection).map_err(in_words)?;
        listed(store, &mut connection)
    })
}

fn path(store: &Store) -> std::path::PathBuf {
    store.root().join("index.sqlite")
}

fn listed(store: &Store, connection: &mut Connection) -> io::Result<Vec<Row>> {
    refresh(store, connection)?;
    let mut query = connection
        .prepare(
            "SELECT run, spec, experiment, condition, seed, outcome, steps, seconds, ended FROM runs
             ORDER BY spec, experiment, condition, seed, run",
        )
        .map_err(in_words)?;
    let row = |r: &rusqlite::Row<'_>| {
        Ok(Row {
            run: r.get(0)?,
            spec: r.get(1)?,
            experiment: r.get(2)?,
            condition: r.get(3)?,
            seed: r.get::<_, i64>(4)? as u64,
            outcome: r.get(5)?,
            steps: r.get::<_, i64>(6)? as u64,
            seconds: r.get(7)?,
            at: r.get::<_, i64>(8)? as u64,
        })
    };
    let found = query.query_map([], row).map_err(in_words)?;
    found.collect::<Result<Vec<Row>, _>>().map_err(in_words)
}

/// What the table cannot do: it holds nothing that the runs do not, so what to do is always the same.
fn in_words<E>(_: E) -> io::Error {
    io::Error::other("its table of runs cannot be read; remove `index.sqlite`, and it is made again from the runs")
}

fn open(store: &Store) -> rusqlite::Result<Connection> {
    let path = path(store);
    if let Ok(connection) = Connection::open(&path)
        && prepare(&connection).is_ok()
    {
        return Ok(connection);
    }
    // It can be made again; if that fails as well, its folder cannot be written.
    let _ = std::fs::remove_file(&path);
    if let Ok(connection) = Connection::open(&path)
        && prepare(&connection).is_ok()
    {
        return Ok(connection);
    }
    let connection = Connection::open_in_memory()?;
    prepare(&connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |r| r.get(0))?;
    if version != VERSION {
        connection.execute_batch("DROP TABLE IF EXISTS runs")?;
        connection.pragma_update(None, "user_version", VERSION)?;
    }
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS runs (run TEXT PRIMARY KEY, changed INTEGER, spec TEXT, experiment TEXT,
         condition TEXT, seed INTEGER, outcome TEXT, steps INTEGER, seconds REAL, ended INTEGER)",
    )
}

/// Reads the runs that are not as the table has them.
fn refresh(store: &Store, connection: &mut Connection) -> io::Result<()> {
    let known: HashMap<String, i64> = {
        let mut query = connection.prepare("SELECT run, changed FROM runs").map_err(in_words)?;
        let found = query.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).map_err(in_words)?;
        found.collect::<Result<_, _>>().map_err(in_words)?
    };
    let runs = store.runs()?;
    let transaction = connection.transaction().map_err(in_words)?;
    for run in known.keys().filter(|r| runs.binary_search(r).is_err()) {
        transaction.execute("DELETE FROM runs WHERE run = ?1", [run]).map_err(in_words)?;
    }
    for run in &runs {
        let changed = changed(store, run);
        if known.get(run) == Some(&changed) {
            continue;
        }
        let (found, _) = store.find(run);
        let row = found.map_or_else(|| unfinished(run), |r| row(run, &r));
        transaction
            .execute(
                "INSERT OR REPLACE INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    row.run,
                    changed,
                    row.spec,
                    row.experiment,
                    row.condition,
                    row.seed as i64,
                    row.outcome,
                    row.steps as i64,
                    row.seconds,
                    row.at as i64
                ],
            )
            .map_err(in_words)?;
    }
    transaction.commit().map_err(in_words)
}

/// When the file of a run was last written, in nanoseconds; -1 if it has none.
fn changed(store: &Store, run: &str) -> i64 {
    let time = std::fs::metadata(store.folder(run).join("run.json")).and_then(|m| m.modified());
    time.ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or(-1, |d| d.as_nanos() as i64)
}
