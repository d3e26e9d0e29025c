//! Creators' sessions that were signed out of before their time.
//!
//! A session is a stateless token (`sessions.rs`), so that it ended has to be kept until it would have ended by
//! itself: in the file `ended-sessions` of the data folder, a line each, and in memory. A new link's generation
//! voids all sessions of a creator and needs none of this.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use farthing_shared::{CreatorId, UnixMillis};

use crate::sessions::Token;

/// Ended sessions of one creator at most, so that signing in and out all day fills neither file nor memory.
const OF_ONE_MAX: usize = 1_000;

/// Why a session could not be ended.
#[derive(Debug)]
pub enum NotEnded {
    /// This creator has ended too many in the last thirty days.
    TooMany,
    /// It could not be written down; another try may.
    NotKept(std::io::Error),
}

/// The list.
#[derive(Debug)]
pub struct EndedSessions {
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    file: File,
    /// When they would have ended; two sessions of a creator differ in it.
    by_creator: HashMap<CreatorId, HashSet<u64>>,
}

impl EndedSessions {
    /// Reads the list, and leaves out what has ended by itself.
    ///
    /// # Errors
    /// When the file cannot be read or written anew.
    pub fn open(path: &Path, now: UnixMillis) -> std::io::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let mut by_creator: HashMap<CreatorId, HashSet<u64>> = HashMap::new();
        let mut lines = String::new();
        // A last line that was cut short was never answered.
        for (creator, until) in text.lines().filter_map(read_line) {
            if now.0 < until && by_creator.entry(creator).or_default().insert(until) {
                lines.push_str(&line(creator, until));
            }
        }
        let anew = path.with_extension("new");
        std::fs::write(&anew, lines)?;
        File::open(&anew)?.sync_all()?;
        std::fs::rename(&anew, path)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { kept: Mutex::new(Kept { file, by_creator }) })
    }

    /// Ends a session, and returns once that survives a restart.
    ///
    /// # Errors
    /// [`NotEnded`].
    pub fn end(&self, session: &Token, now: UnixMillis) -> Result<(), NotEnded> {
        let mut kept = self.lock();
        let until = session.expires_at.0;
        // What has ended by itself since needs no word, and takes no place.
        if let Some(known) = kept.by_creator.get_mut(&session.creator) {
            known.retain(|until| now.0 < *until);
        }
        let known = kept.by_creator.get(&session.creator);
        if known.is_some_and(|known| known.contains(&until)) {
            return Ok(());
        }
        if known.map_or(0, HashSet::len) >= OF_ONE_MAX {
            return Err(NotEnded::TooMany);
        }
        // Apart from what an earlier try may have left of its line.
        let line = format!("\n{}", line(session.creator, until));
        let written = kept.file.write_all(line.as_bytes()).and_then(|()| kept.file.sync_data());
        written.map_err(NotEnded::NotKept)?;
        kept.by_creator.entry(session.creator).or_default().insert(until);
        Ok(())
    }

    /// Whether it was ended.
    #[must_use]
    pub fn has(&self, session: &Token) -> bool {
        let kept = self.lock();
        let known = kept.by_creator.get(&session.creator);
        known.is_some_and(|known| known.contains(&session.expires_at.0))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing in here can panic between two changes that belong together.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn line(creator: CreatorId, until: u64) -> String {
    format!("{} {until}\n", creator.to_text())
}

fn read_line(line: &str) -> Option<(CreatorId, u64)> {
    let (creator, until) = line.split_once(' ')?;
    Some((CreatorId::parse(creator).ok()?, until.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000);

    fn session(expires_at: u64) -> Token {
        let expires_at = UnixMillis(expires_at);
        Token { creator: CreatorId([5; 16]), expires_at, generation: 1 }
    }

    #[test]
    fn what_was_ended_stays_so_until_it_would_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ended-sessions");
        let ended = EndedSessions::open(&path, NOW).unwrap();
        assert!(!ended.has(&session(2_000)));
        for _ in 0..2 {
            ended.end(&session(2_000), NOW).unwrap();
        }
        ended.end(&session(3_000), NOW).unwrap();
        assert!(ended.has(&session(2_000)) && !ended.has(&session(2_001)));
        let other = Token { creator: CreatorId([6; 16]), ..session(2_000) };
        assert!(!ended.has(&other), "another creator's");
        assert_eq!(
            std::fs::read_to_string(&path).unwrap().lines().count(),
            4,
            "two and their distance"
        );
        // A power failure in the middle of the last line.
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("cr_BQUF");
        std::fs::write(&path, text).unwrap();
        let again = EndedSessions::open(&path, UnixMillis(2_000)).unwrap();
        assert!(again.has(&session(3_000)) && !again.has(&session(2_000)));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 1);
    }

    #[test]
    fn one_creator_cannot_fill_it() {
        let folder = tempfile::tempdir().unwrap();
        let ended = EndedSessions::open(&folder.path().join("ended-sessions"), NOW).unwrap();
        for number in 0..1_000 {
            ended.end(&session(2_000 + number), NOW).unwrap();
        }
        assert!(matches!(ended.end(&session(9_000), NOW), Err(NotEnded::TooMany)));
        let other = Token { creator: CreatorId([6; 16]), ..session(2_000) };
        ended.end(&other, NOW).unwrap();
        // What has ended by itself takes no place.
        ended.end(&session(9_000), UnixMillis(2_000)).unwrap();
        assert!(!ended.has(&session(2_000)) && ended.has(&session(2_001)));
        assert!(matches!(ended.end(&session(9_001), UnixMillis(2_000)), Err(NotEnded::TooMany)));
    }
}
