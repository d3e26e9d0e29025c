//! Creators' sessions that were signed out of before their time.
//!
//! A session is a stateless token (`sessions.rs`), so that it ended has to be kept until it would have ended by
//! itself: in the file `ended-sessions` of the data folder, a line each, and in memory. A new link's generation
//! voids all sessions of a creator and needs none of this.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock};

use farthing_shared::{CreatorId, UnixMillis};

use crate::log::files;
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
    /// Whoever writes has it until the disk has the line; nobody who only asks waits for that.
    file: Mutex<File>,
    by_creator: RwLock<ByCreator>,
}

/// When they would have ended; two sessions of a creator differ in it.
type ByCreator = HashMap<CreatorId, HashSet<u64>>;

impl EndedSessions {
    /// Reads the list, and leaves out what has ended by itself.
    ///
    /// # Errors
    /// When the file cannot be read or written anew.
    pub fn open(path: &Path, now: UnixMillis) -> std::io::Result<Self> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        // A block that the disk has damaged costs its lines, not the start of the server.
        let text = String::from_utf8_lossy(&bytes);
        let mut by_creator = ByCreator::new();
        let mut lines = String::new();
        // A last line that was cut short was never answered.
        for (creator, until) in text.lines().filter_map(read_line) {
            if now.0 < until && by_creator.entry(creator).or_default().insert(until) {
                lines.push_str(&line(creator, until));
            }
        }
        files::replace(path, lines.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { file: Mutex::new(file), by_creator: RwLock::new(by_creator) })
    }

    /// Ends a session, and returns once that survives a restart.
    ///
    /// # Errors
    /// [`NotEnded`].
    pub fn end(&self, session: &Token, now: UnixMillis) -> Result<(), NotEnded> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let until = session.expires_at.0;
        let known = {
            let mut by_creator = self.by_creator.write().unwrap_or_else(PoisonError::into_inner);
            let of_one = by_creator.entry(session.creator).or_default();
            // What has ended by itself since needs no word, and takes no place.
            of_one.retain(|until| now.0 < *until);
            (of_one.contains(&until), of_one.len())
        };
        match known {
            (true, _) => return Ok(()),
            (false, OF_ONE_MAX..) => return Err(NotEnded::TooMany),
            (false, _) => {}
        }
        // Apart from what an earlier try may have left of its line.
        let line = format!("\n{}", line(session.creator, until));
        let written = file.write_all(line.as_bytes()).and_then(|()| file.sync_data());
        written.map_err(NotEnded::NotKept)?;
        let mut by_creator = self.by_creator.write().unwrap_or_else(PoisonError::into_inner);
        by_creator.entry(session.creator).or_default().insert(until);
        Ok(())
    }

    /// Whether it was ended.
    #[must_use]
    pub fn has(&self, session: &Token) -> bool {
        let by_creator = self.by_creator.read().unwrap_or_else(PoisonError::into_inner);
        let known = by_creator.get(&session.creator);
        known.is_some_and(|known| known.contains(&session.expires_at.0))
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
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&text[..], b"cr_BQUF\xff\x00"].concat()).unwrap();
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
