//! A witness of the log (C2SP tlog-witness) as small as one can be that really verifies: it remembers the
//! last checkpoint, checks the log's signature and the proof of consistency, and cosigns.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use base64ct::{Base64, Encoding};
use farthing_shared::SigningKey;
use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::merkle::{Hash, empty_root, is_consistent};
use farthing_shared::note::{COSIGNATURE, Note, NoteKey};

use crate::http::head_end;

const NAME: &str = "witness.test/w";
const SEED: u8 = 77;

struct Seen {
    size: u64,
    root: Hash,
}

struct State {
    log: NoteKey,
    signing: SigningKey,
    seen: Mutex<Seen>,
    /// Requests wait while this is set.
    asleep: (Mutex<bool>, Condvar),
    /// Signs with another key than it says.
    forges: AtomicBool,
}

/// A running witness. It takes no more connections when it is dropped.
pub struct TinyWitness {
    state: Arc<State>,
    address: SocketAddr,
    ended: Arc<AtomicBool>,
}

impl TinyWitness {
    /// A witness of the log with this key.
    ///
    /// # Panics
    /// When there is no free port.
    #[must_use]
    pub fn start(log: NoteKey) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(State {
            log,
            signing: SigningKey::from_seed(&[SEED; 32]),
            seen: Mutex::new(Seen { size: 0, root: empty_root() }),
            asleep: (Mutex::new(false), Condvar::new()),
            forges: AtomicBool::new(false),
        });
        let ended = Arc::new(AtomicBool::new(false));
        let (shared, end) = (state.clone(), ended.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let state = shared.clone();
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        Self { state, address, ended }
    }

    /// Its cosignature key.
    ///
    /// # Panics
    /// Never: its name can be a key's.
    #[must_use]
    pub fn key(&self) -> NoteKey {
        NoteKey::new(NAME, COSIGNATURE, &self.state.signing.public()).expect("a good name")
    }

    /// As the setting `proofs.witnesses` names it.
    #[must_use]
    pub fn setting(&self) -> String {
        format!("http://{}/prefix {}", self.address, self.key())
    }

    /// Entries of the checkpoint that it cosigned last.
    ///
    /// # Panics
    /// When a thread of it has panicked.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.state.seen.lock().expect("no thread panics while it holds this").size
    }

    /// Answers nobody from now on, until it is told otherwise.
    ///
    /// # Panics
    /// When a thread of it has panicked.
    pub fn sleep(&self, asleep: bool) {
        let (lock, news) = &self.state.asleep;
        *lock.lock().expect("no thread panics while it holds this") = asleep;
        news.notify_all();
    }

    /// Signs with another key than its own from now on.
    pub fn forge(&self) {
        self.state.forges.store(true, Ordering::SeqCst);
    }
}

impl Drop for TinyWitness {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // The listener waits for one more connection to see it.
        let _woken = TcpStream::connect(self.address);
    }
}

fn answer(mut stream: TcpStream, state: &State) {
    let Some((line, body)) = read(&mut stream) else { return };
    let (lock, news) = &state.asleep;
    if let Ok(mut asleep) = lock.lock() {
        while *asleep {
            asleep = match news.wait(asleep) {
                Ok(asleep) => asleep,
                Err(_) => return,
            };
        }
    }
    let (status, kind, text) = if line.starts_with("POST /prefix/add-checkpoint ") {
        judge(&body, state)
    } else {
        (404, "text/plain", String::new())
    };
    let head = format!(
        "HTTP/1.1 {status} Answer\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    let _gone = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes()));
}

fn read(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let mut more = |bytes: &mut Vec<u8>| {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        Some(())
    };
    let end = loop {
        match head_end(&bytes) {
            Some(end) => break end,
            None => more(&mut bytes)?,
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.split("\r\n").find_map(|field| field.strip_prefix("content-length:"))?;
    let length: usize = length.trim().parse().ok()?;
    while bytes.len() < end + length {
        more(&mut bytes)?;
    }
    let line = String::from_utf8_lossy(&bytes[..end]).lines().next()?.to_owned();
    Some((line, String::from_utf8(bytes[end..].to_vec()).ok()?))
}

type Answer = (u16, &'static str, String);

/// The checks in the order of the specification.
fn judge(body: &str, state: &State) -> Answer {
    let refuse = |status: u16| (status, "text/plain", String::new());
    let Some((head, note)) = body.split_once("\n\n") else { return refuse(400) };
    let mut lines = head.lines();
    let old = lines.next().and_then(|line| line.strip_prefix("old "));
    let Some(old) = old.and_then(|old| old.parse::<u64>().ok()) else { return refuse(400) };
    let Some(proof) = lines.map(Hash::parse).collect::<Option<Vec<_>>>() else {
        return refuse(400);
    };
    let Ok(note) = Note::parse(note) else { return refuse(400) };
    let Ok(checkpoint) = Checkpoint::open(&note, &state.log) else { return refuse(403) };
    if old > checkpoint.size {
        return refuse(400);
    }
    let Ok(mut seen) = state.seen.lock() else { return refuse(500) };
    let conflict = (409, "text/x.tlog.size", format!("{}\n", seen.size));
    if old != seen.size {
        return conflict;
    }
    if old == checkpoint.size && seen.root != checkpoint.root {
        return conflict;
    }
    let (before, after) = ((seen.size, &seen.root), (checkpoint.size, &checkpoint.root));
    if !is_consistent(before, after, &proof) {
        return refuse(422);
    }
    *seen = Seen { size: checkpoint.size, root: checkpoint.root };
    drop(seen);
    (200, "text/plain", cosign(&note, state))
}

fn cosign(note: &Note, state: &State) -> String {
    let key = NoteKey::new(NAME, COSIGNATURE, &state.signing.public()).expect("a good name");
    let seed = if state.forges.load(Ordering::SeqCst) { 78 } else { SEED };
    let line = cosignature(note, &key, &SigningKey::from_seed(&[seed; 32]));
    // A line of a key that nobody knows, which the log must pass over.
    let unknown = Base64::encode_string(&[1; 76]);
    format!("\u{2014} other.test/w {unknown}\n{line}")
}

/// The line that a witness with this key, and the secret behind it or another one, signs under a note.
///
/// # Panics
/// Never: a key's text has a hash.
#[must_use]
pub fn cosignature(note: &Note, key: &NoteKey, secret: &SigningKey) -> String {
    let time = 1_700_000_000_u64;
    let text = key.to_string();
    let hash = text.split('+').nth(1).expect("name+hash+key");
    let hash = u32::from_str_radix(hash, 16).expect("eight hex digits");
    let message = format!("cosignature/v1\ntime {time}\n{}", note.text());
    let mut bytes = hash.to_be_bytes().to_vec();
    bytes.extend_from_slice(&time.to_be_bytes());
    bytes.extend_from_slice(&secret.sign_bytes(message.as_bytes()));
    format!("\u{2014} {} {}\n", key.name(), Base64::encode_string(&bytes))
}
