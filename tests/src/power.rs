//! Plays a power failure out: what a recording (tests/power/recorder.c) would have left on the disk
//! at any of its points.
//!
//! The model is the weakest disk that POSIX admits. What a file's sync covered is there. Of
//! everything since, any part may be there and any other part not: whole writes in any
//! combination, single sectors of a write, changes of length, names of new files. Names become
//! safe with a sync of their folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::chance::Chance;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// Something that the verifier asked of its disk, or told a visitor.
#[derive(Debug, Clone)]
pub enum Event {
    /// A file got a number.
    Opened { file: u32, path: String },
    /// Bytes were written.
    Written { file: u32, offset: usize, bytes: Vec<u8> },
    /// The length was changed.
    Truncated { file: u32, length: usize },
    /// A name was removed.
    Removed { path: String },
    /// A name was changed.
    Renamed { old: String, new: String },
    /// A file's content is safe.
    Synced { file: u32 },
    /// The names in the folder are safe.
    FolderSynced,
    /// A sync failed by order of the test.
    SyncFailed,
    /// An answer is about to leave.
    Answered { bytes: Vec<u8> },
}

/// Compiles the recorder.
///
/// # Panics
/// Where there is no C compiler.
#[must_use]
pub fn recorder(folder: &Path) -> PathBuf {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/power/recorder.c");
    let library = folder.join("recorder.so");
    let built = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .args([source, "-ldl", "-lpthread"])
        .status();
    let built = built.expect("the power-failure tests need a C compiler: apt-get install gcc");
    assert!(built.success(), "the recorder does not compile");
    library
}

/// Reads a recording.
///
/// # Panics
/// When it is not whole.
#[must_use]
pub fn read_recording(path: &Path) -> Vec<Event> {
    const HEAD: usize = 32;
    let log = std::fs::read(path).expect("a recording");
    let mut rest = log.as_slice();
    let mut events = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<HEAD>() {
        let word = |at: usize| u64::from_ne_bytes(head[at..at + 8].try_into().expect("8 bytes"));
        let file = u32::from_ne_bytes(head[4..8].try_into().expect("4 bytes"));
        let (offset, length) = (word(8) as usize, word(16) as usize);
        let Some((bytes, after)) = after.split_at_checked(length) else { break };
        let text = || String::from_utf8(bytes.to_vec()).expect("a path is text");
        events.push(match head[0] {
            b'O' => Event::Opened { file, path: text() },
            b'W' => Event::Written { file, offset, bytes: bytes.to_vec() },
            b'T' => Event::Truncated { file, length: offset },
            b'U' => Event::Removed { path: text() },
            b'R' => {
                let both = text();
                let (old, new) = both.split_once('\n').expect("two paths");
                Event::Renamed { old: old.into(), new: new.into() }
            }
            b'S' => Event::Synced { file },
            b'D' => Event::FolderSynced,
            b'F' => Event::SyncFailed,
            b'A' => Event::Answered { bytes: bytes.to_vec() },
            odd => panic!("a record of kind {odd}"),
        });
        rest = after;
    }
    // SIGKILL may cut the last record, which then never happened.
    events
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

#[derive(Debug, Default, Clone)]
struct File {
    safe: Vec<u8>,
    since: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Name {
    Made { path: String, file: u32 },
    Removed { path: String },
    Changed { old: String, new: String },
}

/// How much of what was not synced survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// Nothing.
    Nothing,
    /// Everything: what kill -9 leaves.
    Everything,
    /// Everything up to some point in time.
    Beginning,
    /// Any combination, some writes in part.
    Anything,
}

/// A disk: what is safe on it, and what has been asked since.
#[derive(Debug, Default)]
pub struct Disk {
    /// Contents of files that were there before and have not been opened yet.
    before: BTreeMap<String, Vec<u8>>,
    files: BTreeMap<u32, File>,
    names: BTreeMap<String, u32>,
    names_since: Vec<Name>,
}

impl Disk {
    /// With the files of a folder as they are now, all safe.
    ///
    /// # Panics
    /// When the folder cannot be read.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        let mut disk = Self::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in std::fs::read_dir(next).expect("a folder") {
                let path = entry.expect("a folder's entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(folder).expect("it is below").to_string_lossy();
                disk.before.insert(name.into_owned(), std::fs::read(&path).expect("a file"));
            }
        }
        disk
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Opened { file, path } => self.open(*file, path),
            Event::Written { file, offset, bytes } => {
                let bytes = bytes.clone();
                self.change(*file, Change::Write { offset: *offset, bytes });
            }
            Event::Truncated { file, length } => {
                self.change(*file, Change::Truncate { length: *length });
            }
            Event::Removed { path } => {
                self.before.remove(path);
                self.names_since.push(Name::Removed { path: path.clone() });
            }
            Event::Renamed { old, new } => {
                self.names_since.push(Name::Changed { old: old.clone(), new: new.clone() });
            }
            Event::Synced { file } => {
                let file = self.files.entry(*file).or_default();
                for change in std::mem::take(&mut file.since) {
                    apply(&mut file.safe, &change);
                }
            }
            Event::FolderSynced => {
                for change in std::mem::take(&mut self.names_since) {
                    rename(&mut self.names, &change);
                }
            }
            Event::SyncFailed | Event::Answered { .. } => {}
        }
    }

    fn open(&mut self, file: u32, path: &str) {
        match self.before.remove(path) {
            Some(safe) => {
                self.files.insert(file, File { safe, since: Vec::new() });
                self.names.insert(path.to_owned(), file);
            }
            None => {
                self.files.insert(file, File::default());
                self.names_since.push(Name::Made { path: path.to_owned(), file });
            }
        }
    }

    fn change(&mut self, file: u32, change: Change) {
        self.files.entry(file).or_default().since.push(change);
    }

    /// What of a file is on the disk whatever happens, where its name is.
    #[must_use]
    pub fn safe(&self, path: &str) -> Option<&[u8]> {
        let file = self.names.get(path).and_then(|file| self.files.get(file));
        file.map(|file| file.safe.as_slice()).or(self.before.get(path).map(Vec::as_slice))
    }

    /// Writes what a power failure would leave now into a folder.
    ///
    /// # Panics
    /// When the folder cannot be written.
    pub fn fail(&self, survives: Survives, chance: &mut Chance, folder: &Path) {
        let mut names = self.names.clone();
        // Every file system in use keeps changes of names in their order.
        for change in self.names_since.iter().take(kept(self.names_since.len(), survives, chance)) {
            rename(&mut names, change);
        }
        // A folder that was opened to be synced is in the recording like a file.
        let is_folder = |name: &str| {
            let below = format!("{name}/");
            let mut files = names.keys().chain(self.before.keys());
            files.any(|name| name.starts_with(&below))
        };
        for (name, bytes) in &self.before {
            write(folder, name, bytes);
        }
        for (name, file) in names.iter().filter(|(name, _)| !is_folder(name)) {
            let Some(file) = self.files.get(file) else { continue };
            let content = file.after_failure(survives, chance);
            write(folder, name, &content);
        }
    }
}

fn write(folder: &Path, name: &str, content: &[u8]) {
    let path = folder.join(name);
    path.parent().map_or(Ok(()), std::fs::create_dir_all).expect("a folder of the image");
    std::fs::write(path, content).expect("an image can be written");
}

fn kept(count: usize, survives: Survives, chance: &mut Chance) -> usize {
    match survives {
        Survives::Nothing => 0,
        Survives::Everything => count,
        Survives::Beginning | Survives::Anything => chance.below(count as u64 + 1) as usize,
    }
}

impl File {
    fn after_failure(&self, survives: Survives, chance: &mut Chance) -> Vec<u8> {
        let mut content = self.safe.clone();
        if survives != Survives::Anything {
            let kept = kept(self.since.len(), survives, chance);
            self.since.iter().take(kept).for_each(|change| apply(&mut content, change));
            return content;
        }
        for change in &self.since {
            match change {
                _ if chance.once_in(2) => {}
                Change::Write { offset, bytes } if chance.once_in(4) => {
                    tear(&mut content, *offset, bytes, chance);
                }
                whole => apply(&mut content, whole),
            }
        }
        content
    }
}

/// Writes some of the sectors.
fn tear(content: &mut Vec<u8>, offset: usize, bytes: &[u8], chance: &mut Chance) {
    let mut at = 0;
    while at < bytes.len() {
        let to_border = SECTOR - (offset + at) % SECTOR;
        let end = (at + to_border).min(bytes.len());
        if chance.once_in(2) {
            let bytes = bytes[at..end].to_vec();
            apply(content, &Change::Write { offset: offset + at, bytes });
        }
        at = end;
    }
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes } => {
            let end = offset + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*offset..end].copy_from_slice(bytes);
        }
        Change::Truncate { length } => content.resize(*length, 0),
    }
}

fn rename(names: &mut BTreeMap<String, u32>, change: &Name) {
    match change {
        Name::Made { path, file } => {
            names.insert(path.clone(), *file);
        }
        Name::Removed { path } => {
            names.remove(path);
        }
        Name::Changed { old, new } => {
            if let Some(file) = names.remove(old) {
                names.insert(new.clone(), file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(offset: usize, byte: u8, length: usize) -> Event {
        Event::Written { file: 2, offset, bytes: vec![byte; length] }
    }

    fn left(disk: &Disk, survives: Survives, seed: u64) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        disk.fail(survives, &mut Chance::new(seed), folder.path());
        std::fs::read(folder.path().join("a")).ok()
    }

    #[test]
    fn only_what_was_synced_is_sure() {
        let mut disk = Disk::default();
        disk.take(&Event::Opened { file: 2, path: "a".into() });
        disk.take(&written(0, 1, 1_024));
        disk.take(&Event::Synced { file: 2 });
        assert_eq!(left(&disk, Survives::Nothing, 1), None, "the name was not synced");
        assert_eq!(disk.safe("a"), None);
        disk.take(&Event::FolderSynced);
        disk.take(&written(0, 2, 1_024));
        disk.take(&Event::Truncated { file: 2, length: 1_536 });
        assert_eq!(disk.safe("a"), Some([1; 1_024].as_slice()));
        assert_eq!(left(&disk, Survives::Nothing, 1), Some(vec![1; 1_024]));
        let all = [vec![2; 1_024], vec![0; 512]].concat();
        assert_eq!(left(&disk, Survives::Everything, 1), Some(all));
    }

    #[test]
    fn sectors_tear_but_bytes_within_them_do_not() {
        let mut disk = Disk::default();
        disk.take(&Event::Opened { file: 2, path: "a".into() });
        disk.take(&written(0, 1, 2_048));
        disk.take(&Event::Synced { file: 2 });
        disk.take(&Event::FolderSynced);
        disk.take(&written(256, 2, 1_024));
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..1_000 {
            let content = left(&disk, Survives::Anything, seed).unwrap();
            let parts = [&content[256..512], &content[512..1_024], &content[1_024..1_280]];
            for part in parts {
                assert!(part.iter().all(|byte| *byte == part[0]), "torn within a sector");
            }
            assert!(content[..256].iter().chain(&content[1_280..]).all(|byte| *byte == 1));
            seen.insert(parts.map(|part| part[0]));
        }
        assert_eq!(seen.len(), 8, "every combination of sectors comes up");
    }
}
