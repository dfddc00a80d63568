//! `trine lock`: what was planned, written down before the data are seen.

use super::{Exit, LockArgs, commands};
use crate::driver;
use crate::output::Output;
use crate::registration::{self, Change};
use crate::store::{Store, files};

pub(super) fn lock(args: LockArgs, out: &mut Output) -> Exit {
    let options = driver::Options { store: args.store.clone(), ..commands::options(&args.selection, None) };
    if args.file == "-" {
        out.error("error: a spec from standard input has no place for a registration: name its file\n");
        return Exit::WrongCommand;
    }
    let mut c = match commands::checked(&args.file, &options, out) {
        Ok(c) => c,
        Err(exit) => return exit,
    };
    let read = crate::train::registrable(&mut c)
        .and_then(|now| Ok((now, registration::read(&args.file).map_err(|d| vec![d])?)));
    let (now, locked) = match read {
        Ok(found) => found,
        Err(diags) => {
            commands::report(&diags, &c.sources, out);
            return Exit::RunFailed;
        }
    };
    if now.is_empty() && locked.is_none() {
        out.error(&format!("error: {} has no hypothesis to register\n", args.file));
        return Exit::WrongCommand;
    }
    let old = locked.clone().unwrap_or_default();
    if args.check {
        let (changes, new) = registration::compare(&old, &now);
        commands::report(&registration::changed(&c, &old, &now), &c.sources, out);
        for name in &new {
            out.note(&format!("`{name}` is not registered: exploratory\n"));
        }
        for e in &registration::rewritten(&old, &now) {
            out.note(&format!("`{e}` is called or written otherwise: cosmetic\n"));
        }
        let same = new.is_empty() && changes.iter().all(|c| c.1 == Change::Same);
        return if same { Exit::Done } else { Exit::WrongSpec };
    }
    let held = match Store::existing(&Store::place(args.store.as_deref(), &c.folder)) {
        Ok(store) => {
            let mut again = driver::load(&args.file, &options);
            match crate::train::held(&mut again, &store) {
                Ok(held) => held,
                Err(diags) => {
                    commands::report(&diags, &c.sources, out);
                    return Exit::RunFailed;
                }
            }
        }
        Err(_) => Default::default(),
    };
    let runs = |e: &registration::Entry| e.seeds.keys().filter_map(|x| held.get(x)).sum();
    let (entries, refused) = registration::update(&old, &now, args.amend, &runs);
    let path = registration::path(&args.file);
    if let Err(e) = files::write(&path, registration::text(&args.file, &entries).as_bytes()) {
        out.error(&format!("error: `{}` cannot be written: {}\n", path.display(), files::plain(&e)));
        return Exit::RunFailed;
    }
    // Those that are not as they were written down before.
    for e in entries.iter().filter(|e| !old.iter().any(|o| o.name == e.name && o.at == e.at && o.meaning == e.meaning))
    {
        let after =
            if e.after == 0 { "before any run".to_string() } else { format!("after {} runs: exploratory", e.after) };
        out.note(&format!("registered `{}`, {after}\n", e.name));
    }
    if refused.is_empty() {
        return Exit::Done;
    }
    commands::report(&registration::changed(&c, &old, &now), &c.sources, out);
    Exit::WrongSpec
}
