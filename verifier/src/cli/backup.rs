//! Backup while the server runs, and restore while it does not.

use std::path::{Path, PathBuf};

use farthing_verifier::audit;
use farthing_verifier::config::Config;
use farthing_verifier::run;
use farthing_verifier::secrets::Secrets;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, SqliteWriter};

const KEYS: [&str; 3] = ["provider.key", "master.key", "log.key"];
const LEDGER: &str = "ledger.db";

/// Says that a folder is being filled, by its lock; not part of the backup.
const LOCK: &str = "backup.lock";

/// Copies ledger and keys. The folder appears under its name only when everything is in it.
pub(super) fn backup(config: &Config, folder: &Path) -> Result<(), String> {
    let exists = || format!("{} exists; name a new folder", folder.display());
    if folder.exists() {
        return Err(exists());
    }
    // Before the ledger: a server that runs may sign more meanwhile.
    let signed = farthing_verifier::log::signed_size(config).unwrap_or(0);
    let secrets = run::open_data(config)?;
    let writer = run::open_ledger(config, &secrets)?;
    let reader = writer.reader().map_err(|error| error.to_string())?;
    let name = folder.file_name().ok_or("name a folder")?.to_string_lossy().into_owned();
    let beside = folder.with_file_name(format!("{name}.unfinished"));
    let told = |error: std::io::Error| format!("{}: {error}", beside.display());
    run::make_private_folder(&beside).map_err(told)?;
    let lock = beside.join(LOCK);
    let file = std::fs::File::create(&lock).map_err(told)?;
    if file.try_lock().is_err() {
        return Err(format!("another backup fills {} now; name another folder", beside.display()));
    }
    // What an earlier one left that was cut off.
    for entry in std::fs::read_dir(&beside).map_err(told)? {
        let path = entry.map_err(told)?.path();
        if path != lock {
            std::fs::remove_file(path).map_err(told)?;
        }
    }
    let newest = reader.newest_entry().map_err(|error| error.to_string())?;
    writer.copy_to(&beside.join(LEDGER))?;
    for key in KEYS {
        copy_synced(&config.data.join(key), &beside.join(key)).map_err(told)?;
    }
    run::sync_folder(&beside).map_err(told)?;
    if folder.exists() {
        return Err(exists());
    }
    // The lock goes last: nobody may begin to fill what is not under its own name yet.
    std::fs::rename(&beside, folder).map_err(told)?;
    std::fs::remove_file(folder.join(LOCK)).map_err(told)?;
    run::sync_folder(folder).map_err(told)?;
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    run::sync_folder(above.unwrap_or(Path::new("."))).map_err(told)?;
    say!("{}", folder.display());
    let entries = usize::try_from(newest.0).unwrap_or(usize::MAX);
    match super::ledger::missing(entries, signed) {
        None => Ok(()),
        Some(why) => Err(format!("the backup was made, but of a ledger that is not whole: {why}")),
    }
}

/// Checks a backup whole before it moves anything, then puts it in place.
pub(super) fn restore(config: &Config, folder: &Path, replace: bool) -> Result<(), String> {
    let data = &config.data;
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    run::make_private_folder(data).map_err(|error| told(data, error))?;
    let _lock = run::lock_data(config)?;
    let present = present(config);
    if !present.is_empty() && !replace {
        let why = "holds a ledger or its keys; stop the server and add --replace to put them aside";
        return Err(format!("{} {why}", data.display()));
    }
    let staged = Staged::new(data);
    let checked = staged.take(config, folder);
    if let Err(why) = checked {
        staged.remove();
        return Err(format!("the backup cannot be used, nothing was changed: {why}"));
    }
    // After this point files move. A crash leaves a folder without a ledger, which no command takes for an
    // empty one, and the same command can be given again.
    run::forget_beginning(data).map_err(|error| told(data, error))?;
    put_aside(&present, data).and_then(|()| staged.put_in_place(config)).map_err(|why| {
        let old = old_ledger(data).map_or_else(String::new, |old| format!("; {old}"));
        format!("{why}{old}. See to it and give the same command again, with --replace")
    })?;
    say!("restored; check it with: farthing audit");
    if let Some(old) = old_ledger(data) {
        say!("{old}");
    }
    say!(
        "if the server then says that its high-water mark or signed entries are missing, put back the copy of \
         {} that you keep elsewhere, or give the newer entries up for good: \
         farthing log reset --i-know-what-this-means",
        farthing_verifier::log::high_water_path(config).display()
    );
    Ok(())
}

/// What a restore takes the place of.
fn present(config: &Config) -> Vec<PathBuf> {
    let names = KEYS.iter().chain([&LEDGER, &"ledger.db-wal", &"ledger.db-shm"]);
    names.map(|name| config.data.join(name)).filter(|path| path.exists()).collect()
}

const ASIDE: &str = "replaced-";

/// Folders with what was put aside, the newest last.
fn put_aside_before(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data).into_iter().flatten().flatten();
    let number = |path: &Path| -> Option<u64> {
        path.file_name()?.to_str()?.strip_prefix(ASIDE)?.parse().ok()
    };
    let mut folders: Vec<_> =
        entries.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
    folders.sort_unstable();
    folders.into_iter().map(|(_, path)| path).collect()
}

/// Where the ledger is that was put aside last.
fn old_ledger(data: &Path) -> Option<String> {
    let folders = put_aside_before(data).into_iter().rev();
    let folder = folders.into_iter().find(|folder| folder.join(LEDGER).exists())?;
    Some(format!("the old ledger and its keys are in {}", folder.display()))
}

/// All of it together, under its own names: what is put aside can be opened again, and nothing put aside
/// before is overwritten. Where a restore was cut off in the middle of this, the rest joins what it had moved.
fn put_aside(present: &[PathBuf], data: &Path) -> Result<(), String> {
    if present.is_empty() {
        return Ok(());
    }
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_owned();
    let begun = put_aside_before(data).pop();
    let begun = begun.filter(|aside| present.iter().all(|path| !aside.join(name(path)).exists()));
    let now = farthing_verifier::clock::Clock::System.now();
    let aside = &begun.unwrap_or_else(|| data.join(format!("{ASIDE}{}", now.0)));
    let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    run::make_private_folder(aside).map_err(|error| told(aside, error))?;
    for path in present {
        let name = path.file_name().unwrap_or_default();
        std::fs::rename(path, aside.join(name)).map_err(|error| told(path, error))?;
    }
    run::sync_folder(aside).map_err(|error| told(aside, error))
}

/// A backup's files in the data folder, before they have their names.
struct Staged {
    data: PathBuf,
}

impl Staged {
    fn new(data: &Path) -> Self {
        Self { data: data.to_owned() }
    }

    fn ledger(&self) -> PathBuf {
        self.data.join(run::RESTORING)
    }

    fn key(&self, name: &str) -> PathBuf {
        self.data.join(format!("{name}.restoring"))
    }

    /// Copies the backup and checks all of it: every key can be read, and is the one that the ledger was used
    /// with; the ledger is whole, and is kept in the money of the settings.
    fn take(&self, config: &Config, folder: &Path) -> Result<(), String> {
        self.remove();
        for name in KEYS.iter().chain([&LEDGER]) {
            let (from, to) = (folder.join(name), self.place(name));
            copy_synced(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
        }
        // Not in a backup, but in what was put aside after a crash: the newest entries are in it alone.
        let (log, staged) = (folder.join("ledger.db-wal"), with_ending(&self.ledger(), "-wal"));
        if log.exists() {
            copy_synced(&log, &staged).map_err(|error| format!("{}: {error}", log.display()))?;
        }
        let secrets = Secrets::read(&KEYS.map(|name| (folder.join(name), self.key(name))))?;
        let mut store = SqliteWriter::open_known(&self.ledger(), Durability::Full)
            .map_err(|error| format!("{}: {}", folder.join(LEDGER).display(), error.why))?;
        store.integrity().map_err(|why| format!("{}: {why}", folder.join(LEDGER).display()))?;
        run::own(&mut store, config, &secrets)?;
        let snapshot = Writer::Sqlite(Box::new(store)).snapshot();
        let report = audit::audit(&snapshot.map_err(|error| error.to_string())?);
        // It was closed by now, which brings both files together.
        if std::fs::metadata(&staged).is_ok_and(|log| log.len() > 0) {
            return Err(format!("{} could not be put into its ledger", staged.display()));
        }
        let first = report.differences.first();
        first.map_or(Ok(()), |first| Err(format!("{}: {first}", folder.join(LEDGER).display())))
    }

    fn place(&self, name: &str) -> PathBuf {
        if name == LEDGER { self.ledger() } else { self.key(name) }
    }

    /// Gives the files their names, the ledger last.
    fn put_in_place(&self, config: &Config) -> Result<(), String> {
        let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        for key in KEYS {
            let place = self.data.join(key);
            std::fs::rename(self.key(key), &place).map_err(|error| told(&place, error))?;
        }
        // The backup may be older than what was signed: without the high-water mark, say on a new machine, the
        // server must not begin the same log again.
        let log = farthing_verifier::log::folder(config);
        let mark = farthing_verifier::log::signed_mark(&log);
        run::make_private_folder(&log).map_err(|error| told(&log, error))?;
        std::fs::write(&mark, "").map_err(|error| told(&mark, error))?;
        run::sync_folder(&log).map_err(|error| told(&log, error))?;
        let place = self.data.join(LEDGER);
        remove_log(&self.ledger());
        std::fs::rename(self.ledger(), &place).map_err(|error| told(&place, error))?;
        run::sync_folder(&self.data).map_err(|error| told(&self.data, error))
    }

    fn remove(&self) {
        for name in KEYS.iter().chain([&LEDGER]) {
            let _absent = std::fs::remove_file(self.place(name));
        }
        remove_log(&self.ledger());
    }
}

fn remove_log(path: &Path) {
    for ending in ["-wal", "-shm"] {
        let _absent = std::fs::remove_file(with_ending(path, ending));
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn copy_synced(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::copy(from, to)?;
    std::fs::File::open(to)?.sync_all()
}
