//! Backup while the server runs, and restore while it does not.
#![expect(clippy::print_stdout, reason = "this is the command line")]

use std::path::{Path, PathBuf};

use farthing_verifier::audit;
use farthing_verifier::config::Config;
use farthing_verifier::run;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};

const KEYS: [&str; 2] = ["provider.key", "master.key"];
/// Absent where a ledger never had a log.
const LOG_KEY: &str = "log.key";
const LEDGER: &str = "ledger.db";

/// Copies ledger and keys. The folder appears under its name only when everything is in it.
pub(super) fn backup(config: &Config, folder: &Path) -> Result<(), String> {
    if folder.exists() {
        return Err(format!("{} exists; name a new folder", folder.display()));
    }
    let secrets = run::open_data(config)?;
    let writer = run::open_ledger(config, &secrets)?;
    let name = folder.file_name().ok_or("name a folder")?.to_string_lossy().into_owned();
    let beside = folder.with_file_name(format!("{name}.unfinished"));
    let told = |error: std::io::Error| format!("{}: {error}", beside.display());
    if beside.exists() {
        std::fs::remove_dir_all(&beside).map_err(told)?;
    }
    make_private_folder(&beside).map_err(told)?;
    writer.copy_to(&beside.join(LEDGER))?;
    for key in KEYS {
        copy_synced(&config.data.join(key), &beside.join(key)).map_err(told)?;
    }
    if config.data.join(LOG_KEY).exists() {
        copy_synced(&config.data.join(LOG_KEY), &beside.join(LOG_KEY)).map_err(told)?;
    }
    sync_folder(&beside).map_err(told)?;
    std::fs::rename(&beside, folder).map_err(told)?;
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    sync_folder(above.unwrap_or(Path::new("."))).map_err(told)?;
    println!("{}", folder.display());
    Ok(())
}

/// Checks a backup whole before it touches anything, then puts it in place.
pub(super) fn restore(config: &Config, folder: &Path, replace: bool) -> Result<(), String> {
    let data = &config.data;
    std::fs::create_dir_all(data).map_err(|error| format!("{}: {error}", data.display()))?;
    let told = |error: std::io::Error| format!("{}: {error}", data.display());
    let _lock = run::lock_data(config)?;
    let staged = data.join("ledger.restoring");
    copy_synced(&folder.join(LEDGER), &staged)
        .map_err(|error| format!("{}: {error}", folder.join(LEDGER).display()))?;
    let checked = check(&staged);
    if let Err(why) = checked {
        remove_with_log(&staged);
        return Err(format!("the backup is not sound, nothing was changed: {why}"));
    }
    let present: Vec<PathBuf> = KEYS
        .iter()
        .copied()
        .chain([LOG_KEY, LEDGER, "ledger.db-wal", "ledger.db-shm"])
        .map(|name| data.join(name))
        .filter(|path| path.exists())
        .collect();
    if !present.is_empty() && !replace {
        remove_with_log(&staged);
        let why = "holds a ledger; stop the server and add --replace to put it aside";
        return Err(format!("{} {why}", data.display()));
    }
    if !present.is_empty() {
        // All of it together, under its own names, in a folder that is new: what is put aside can
        // be opened again, log included, and nothing put aside before is overwritten.
        let now = farthing_verifier::clock::Clock::System.now().0;
        let aside = data.join(format!("replaced-{now}"));
        std::fs::create_dir(&aside).map_err(told)?;
        for path in present {
            let name = path.file_name().unwrap_or_default();
            std::fs::rename(&path, aside.join(name)).map_err(told)?;
        }
        sync_folder(&aside).map_err(told)?;
    }
    for key in KEYS {
        copy_synced(&folder.join(key), &data.join(key)).map_err(told)?;
    }
    if folder.join(LOG_KEY).exists() {
        copy_synced(&folder.join(LOG_KEY), &data.join(LOG_KEY)).map_err(told)?;
        // The backup may be older than what was signed: without the high-water mark, say on a new
        // machine, the server must not begin the same log again.
        let log = farthing_verifier::log::folder(config);
        std::fs::create_dir_all(&log).map_err(told)?;
        std::fs::write(farthing_verifier::log::signed_mark(&log), "").map_err(told)?;
        sync_folder(&log).map_err(told)?;
    }
    // The ledger comes last: a crash before this line leaves a folder without a ledger beside the
    // right keys, and the same command can be given again.
    remove_log(&staged);
    std::fs::rename(&staged, data.join(LEDGER)).map_err(told)?;
    sync_folder(data).map_err(told)?;
    println!("restored; check it with: farthing audit");
    println!("if the server then says that signed entries are missing: farthing log reset");
    Ok(())
}

fn check(ledger: &Path) -> Result<(), String> {
    let store = SqliteWriter::open(ledger, Durability::Full).map_err(|error| error.to_string())?;
    store.integrity()?;
    let snapshot = Writer::Sqlite(Box::new(store)).snapshot();
    let report = audit::audit(&snapshot.map_err(|error| error.to_string())?);
    match report.differences.first() {
        None => Ok(()),
        Some(first) => Err(first.clone()),
    }
}

fn remove_log(path: &Path) {
    for ending in ["-wal", "-shm"] {
        let mut log = path.as_os_str().to_owned();
        log.push(ending);
        let _absent = std::fs::remove_file(log);
    }
}

fn remove_with_log(path: &Path) {
    let _absent = std::fs::remove_file(path);
    remove_log(path);
}

fn make_private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

fn copy_synced(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::copy(from, to)?;
    std::fs::File::open(to)?.sync_all()
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    std::fs::File::open(path)?.sync_all()
}
