//! Witnesses (C2SP tlog-witness): others who look at each checkpoint, check that the log only grew, and
//! sign that they saw it. With them, nobody can be shown a log of their own unseen.
//!
//! ```text
//!  sequencer: sign ─► mark ─► ask ──────────── wait, at most WAIT ─► show
//!                              │                   ▲                   ▲
//!  a thread a witness          └─► POST add-checkpoint ─► cosignature ─┴ late: added to what is shown
//! ```
//!
//! A witness that did not answer in time is not waited for until it has answered again, so that a dead
//! one costs nothing. Deciding what an answer means ([`judge`]) is pure.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{Request, header};
use farthing_shared::merkle::consistency_proof;
use farthing_shared::note::{COSIGNATURE, Note, NoteKey};
use farthing_shared::tiles::TileTree;
use http_body_util::{BodyExt, Full, Limited};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use super::{Published, Shared};
use crate::clock::monotonic;

/// How long a checkpoint waits for witnesses that answer: with the quarter of a second between
/// checkpoints, a payment's proof is there within a second all the same.
const WAIT: Duration = Duration::from_millis(400);
/// How long one request may take, from connecting to the last byte.
const REQUEST: Duration = Duration::from_secs(5);
/// Pause after a failure, doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Bytes of an answer at most: a few signature lines.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// Requests for one checkpoint: with the size we remember, and with the one the witness names.
const TRIES: usize = 3;

/// A witness as the settings name it.
#[derive(Debug, Clone)]
pub struct Witness {
    /// Host and port.
    pub authority: String,
    /// Path before `/add-checkpoint`.
    pub path: String,
    /// Its cosignature key.
    pub key: NoteKey,
}

impl Witness {
    /// Reads `http://host:port/prefix name+hash+key`.
    ///
    /// # Errors
    /// In words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let form = "expected \"http://host:port/prefix name+hash+key\"";
        let (address, key) = text.trim().split_once(' ').ok_or(form)?;
        if address.starts_with("https://") {
            return Err("a witness behind https is reached through a proxy on this machine that speaks TLS \
                 (docs/operating.md)"
                .into());
        }
        let rest = address.strip_prefix("http://").ok_or(form)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(form.into());
        }
        let key = NoteKey::parse(key.trim()).map_err(|why| format!("{form}: {why}"))?;
        if key.kind() != COSIGNATURE {
            return Err("the key is a log's and not a witness's: witnesses cosign (type 4)".into());
        }
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        Ok(Self { authority: authority.to_owned(), path, key })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WitnessLabel {
    witness: String,
}

/// What the operator watches.
#[derive(Debug, Clone, Default)]
pub struct Witnessed {
    cosigned: Family<WitnessLabel, Counter>,
    failed: Family<WitnessLabel, Counter>,
    alarms: Family<WitnessLabel, Counter>,
}

impl Witnessed {
    /// Adds them to a registry.
    pub fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        let rows = [
            ("witness_cosignatures", "Checkpoints that a witness cosigned", &self.cosigned),
            ("witness_failures", "Requests to a witness that brought no cosignature", &self.failed),
            ("witness_alarms", "A witness says that it has seen another log", &self.alarms),
        ];
        for (name, help, family) in rows {
            registry.register(name, help, family.clone());
        }
    }

    fn count(family: &Family<WitnessLabel, Counter>, witness: &Witness) {
        family.get_or_create(&WitnessLabel { witness: witness.key.name().to_owned() }).inc();
    }

    /// How often a witness of this name cosigned, failed, and raised an alarm.
    #[must_use]
    pub fn counts(&self, name: &str) -> (u64, u64, u64) {
        let label = WitnessLabel { witness: name.to_owned() };
        let get = |family: &Family<WitnessLabel, Counter>| family.get_or_create(&label).get();
        (get(&self.cosigned), get(&self.failed), get(&self.alarms))
    }
}

/// What a witness's answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// It cosigned; these lines hold its signature.
    Cosigned(String),
    /// It has seen this size last: the proof must begin there.
    From(u64),
    /// It has seen another log under our name.
    Alarm(String),
    /// It did not help this time.
    Failed(String),
}

/// What an answer to the checkpoint of `size` entries with a proof from `old` means. `told` says whether
/// `old` is what the witness itself named.
#[must_use]
pub fn judge(status: u16, body: &str, (old, size): (u64, u64), told: bool) -> Step {
    match status {
        200 => Step::Cosigned(body.to_owned()),
        409 => match body.trim().parse::<u64>() {
            Ok(seen) if seen > size => Step::Alarm(format!(
                "it has seen a checkpoint of this log over {seen} entries, and {size} is our newest: somebody else \
                 signs with our key, or our ledger was rolled back"
            )),
            Ok(seen) if seen == size && seen == old => Step::Alarm(format!(
                "it has seen another checkpoint of this log over the same {size} entries"
            )),
            Ok(seen) if seen != old => Step::From(seen),
            _ => Step::Failed("it refuses the size that it named itself".into()),
        },
        422 if told => Step::Alarm(format!(
            "the log that it has seen up to entry {old} is not the beginning of ours"
        )),
        404 => Step::Failed("it does not know this log; register the log's key there".into()),
        403 => Step::Failed("it knows this log under another key".into()),
        other => Step::Failed(format!("it answered {other}")),
    }
}

/// The newest checkpoint for a witness to see.
#[derive(Debug, Clone)]
struct Job {
    note: Note,
    size: u64,
}

#[derive(Debug, Default)]
struct Desk {
    /// What is to be sent next; replaced by newer ones.
    job: Option<Job>,
    /// It answered the last checkpoint in time.
    prompt: bool,
    closed: bool,
}

/// A checkpoint that waits to be shown.
#[derive(Debug, Default)]
struct Round {
    size: u64,
    /// Cosignatures that came: which witness, and its lines.
    came: Vec<(usize, String)>,
    /// Witnesses whose answer came, also when it did not help.
    answered: Vec<usize>,
}

type Shelf<T> = Arc<(Mutex<T>, Condvar)>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All witnesses of a log.
#[derive(Debug)]
pub(super) struct Cosigners {
    witnesses: Arc<Vec<Witness>>,
    desks: Vec<Shelf<Desk>>,
    round: Shelf<Round>,
}

impl Cosigners {
    /// Starts a thread for each.
    ///
    /// # Errors
    /// In words, when a thread cannot be started.
    pub(super) fn start(witnesses: Vec<Witness>, shared: &Arc<Shared>) -> Result<Self, String> {
        let witnesses = Arc::new(witnesses);
        let round: Shelf<Round> = Arc::default();
        let mut desks = Vec::with_capacity(witnesses.len());
        for number in 0..witnesses.len() {
            let desk: Shelf<Desk> = Arc::default();
            let clerk = Clerk {
                number,
                witnesses: witnesses.clone(),
                desk: desk.clone(),
                round: round.clone(),
                // Weak: a log that has ended must not be kept by a request under way.
                shared: Arc::downgrade(shared),
                counts: shared.witnessed.clone(),
                old: None,
            };
            std::thread::Builder::new()
                .name(format!("witness-{number}"))
                .spawn(move || clerk.run())
                .map_err(|error| error.to_string())?;
            desks.push(desk);
        }
        Ok(Self { witnesses, desks, round })
    }

    /// Shows a checkpoint to all witnesses, waits a moment for those that answer, and calls `show` with
    /// the note and what they signed of it. What comes later is added to what is shown.
    pub(super) fn show(&self, note: Note, size: u64, show: impl FnOnce(Note)) {
        if self.witnesses.is_empty() || size == 0 {
            return show(note);
        }
        let (round, came) = &*self.round;
        let mut awaited = Vec::new();
        {
            let mut round = lock(round);
            *round = Round { size, ..Round::default() };
        }
        for (number, desk) in self.desks.iter().enumerate() {
            let (desk, news) = &**desk;
            let mut desk = lock(desk);
            desk.job = Some(Job { note: note.clone(), size });
            if std::mem::take(&mut desk.prompt) {
                awaited.push(number);
            }
            news.notify_all();
        }
        let until = monotonic().checked_add(WAIT);
        let mut round = lock(round);
        while awaited.iter().any(|number| !round.answered.contains(number)) {
            let left =
                until.map_or(Duration::ZERO, |until| until.saturating_duration_since(monotonic()));
            if left.is_zero() {
                break;
            }
            round = came.wait_timeout(round, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let mut note = note;
        for (number, lines) in &round.came {
            if let Some(witness) = self.witnesses.get(*number) {
                // Checked when it came; adding it again cannot fail.
                let _added = note.add_cosignature(lines, &witness.key);
            }
        }
        // Under the lock: a cosignature that comes now waits for it, and is then added to what is shown.
        show(note);
    }
}

impl Drop for Cosigners {
    fn drop(&mut self) {
        for desk in &self.desks {
            let (desk, news) = &**desk;
            lock(desk).closed = true;
            news.notify_all();
        }
    }
}

/// Speaks to one witness.
struct Clerk {
    number: usize,
    witnesses: Arc<Vec<Witness>>,
    desk: Shelf<Desk>,
    round: Shelf<Round>,
    shared: Weak<Shared>,
    counts: Witnessed,
    /// The size that the witness has seen last, as far as we know.
    old: Option<u64>,
}

impl Clerk {
    fn run(mut self) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            tracing::error!("no witness is asked: a runtime could not be made");
            return;
        };
        let mut failed: Option<(Job, Duration)> = None;
        while let Some(job) = self.next(&mut failed) {
            let Some(witness) = self.witnesses.get(self.number).cloned() else { return };
            let begun = monotonic();
            let step = runtime.block_on(self.submit(&witness, &job));
            let pause = failed.take().map_or(PAUSE, |(_, pause)| pause);
            match step {
                Step::Cosigned(lines) => {
                    Witnessed::count(&self.counts.cosigned, &witness);
                    self.came(&witness, &job, Some(lines), begun);
                }
                Step::Alarm(why) => {
                    Witnessed::count(&self.counts.alarms, &witness);
                    tracing::error!(
                        witness = witness.key.name(),
                        why,
                        "ALARM: a witness refuses the log"
                    );
                    self.came(&witness, &job, None, begun);
                    failed = Some((job, PAUSE_MAX));
                }
                Step::From(_) => failed = Some((job, later(pause))),
                Step::Failed(why) => {
                    Witnessed::count(&self.counts.failed, &witness);
                    // Said once, not at every try.
                    if pause == PAUSE {
                        let witness = witness.key.name();
                        tracing::warn!(witness, why, "a witness did not cosign; it is asked again");
                    }
                    failed = Some((job, later(pause)));
                }
            }
        }
    }

    /// The next checkpoint to show; the one that failed again after its pause; `None` at the end.
    fn next(&self, failed: &mut Option<(Job, Duration)>) -> Option<Job> {
        let (desk, news) = &*self.desk;
        let mut desk = lock(desk);
        let until = failed.as_ref().and_then(|(_, pause)| monotonic().checked_add(*pause));
        loop {
            if desk.closed {
                return None;
            }
            let left = until.map(|until| until.saturating_duration_since(monotonic()));
            // While a witness is down, newer checkpoints wait for the pause as well.
            if left.is_none_or(|left| left.is_zero()) {
                let again = failed.as_ref().map(|(job, _)| job.clone());
                if let Some(job) = desk.job.take().or(again) {
                    return Some(job);
                }
            }
            desk = match left.filter(|left| !left.is_zero()) {
                Some(left) => {
                    news.wait_timeout(desk, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => news.wait(desk).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    async fn submit(&mut self, witness: &Witness, job: &Job) -> Step {
        let mut told = false;
        for _ in 0..TRIES {
            let old = self.old.unwrap_or(0);
            let body = match self.request(job, old) {
                Ok(body) => body,
                Err(why) => return Step::Failed(why),
            };
            let (status, answer) = match tokio::time::timeout(REQUEST, post(witness, body)).await {
                Ok(Ok(answered)) => answered,
                Ok(Err(why)) => return Step::Failed(why),
                Err(_) => return Step::Failed("it did not answer in time".into()),
            };
            match judge(status, &answer, (old, job.size), told) {
                Step::Cosigned(lines) => {
                    let mut note = job.note.clone();
                    if let Err(why) = note.add_cosignature(&lines, &witness.key) {
                        return Step::Failed(format!(
                            "its answer is no cosignature by its key: {why}"
                        ));
                    }
                    self.old = Some(job.size);
                    return Step::Cosigned(lines);
                }
                Step::From(seen) => {
                    self.old = Some(seen);
                    told = true;
                }
                other => return other,
            }
        }
        Step::Failed("it names another size each time".into())
    }

    /// The body of add-checkpoint: old size, proof lines, an empty line, the note.
    fn request(&self, job: &Job, old: u64) -> Result<String, String> {
        let shared = self.shared.upgrade().ok_or("the log has ended")?;
        let mut tree = TileTree::new(shared.reader(), job.size);
        let proof = consistency_proof(&mut tree, old, job.size)
            .map_err(|error| format!("the log's files: {error:?}"))?;
        let lines: String = proof.iter().map(|hash| format!("{hash}\n")).collect();
        Ok(format!("old {old}\n{lines}\n{}", job.note))
    }

    /// Hands a cosignature in, or adds it to what is shown already.
    fn came(&self, witness: &Witness, job: &Job, lines: Option<String>, begun: Instant) {
        {
            let (desk, _) = &*self.desk;
            // Whoever answers within the wait is waited for the next time.
            lock(desk).prompt = lines.is_some() && begun.elapsed() < WAIT;
        }
        let (round, news) = &*self.round;
        let mut round = lock(round);
        if round.size == job.size {
            round.answered.push(self.number);
            round.came.extend(lines.clone().map(|lines| (self.number, lines)));
            news.notify_all();
        }
        let (Some(lines), Some(shared)) = (lines, self.shared.upgrade()) else { return };
        shared.published.send_if_modified(|shown| {
            let Some(now) = shown.as_ref().filter(|now| now.checkpoint.size == job.size) else {
                return false;
            };
            let mut note = now.note.clone();
            let added = note.add_cosignature(&lines, &witness.key).is_ok() && note != now.note;
            if added {
                let checkpoint = now.checkpoint.clone();
                *shown = Some(Arc::new(Published { text: note.to_string(), note, checkpoint }));
            }
            added
        });
    }
}

fn later(pause: Duration) -> Duration {
    pause.saturating_mul(2).min(PAUSE_MAX)
}

async fn post(witness: &Witness, body: String) -> Result<(u16, String), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let address =
        if witness.authority.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok()) {
            witness.authority.clone()
        } else {
            format!("{}:80", witness.authority)
        };
    let stream = tokio::net::TcpStream::connect(address).await.map_err(|error| words(&error))?;
    let stream = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|error| words(&error))?;
    let request = Request::post(format!("{}/add-checkpoint", witness.path))
        .header(header::HOST, &witness.authority)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| words(&error))?;
    // Beside the request, since it may end with the last byte of the answer and before we have read it.
    let connection = tokio::spawn(connection);
    let answered = async {
        let response = sender.send_request(request).await.map_err(|error| words(&error))?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    let answered = answered.await;
    connection.abort();
    answered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_mean_what_the_protocol_says() {
        let rows = [
            (200, "lines", (3, 9), false, Step::Cosigned("lines".into())),
            (409, "5\n", (0, 9), false, Step::From(5)),
            (409, "0\n", (3, 9), false, Step::From(0)),
            (409, "9\n", (3, 9), false, Step::From(9)),
        ];
        for (status, body, sizes, told, step) in rows {
            assert_eq!(judge(status, body, sizes, told), step, "{status} {body}");
        }
        let alarms =
            [(409, "10\n", (0, 9), false), (409, "9\n", (9, 9), true), (422, "", (5, 9), true)];
        for (status, body, sizes, told) in alarms {
            let step = judge(status, body, sizes, told);
            assert!(matches!(step, Step::Alarm(_)), "{status} {body}: {step:?}");
        }
        let failures = [
            (422, "", (5, 9), false),
            (409, "five\n", (0, 9), false),
            (409, "5\n", (5, 9), true),
            (404, "", (0, 9), false),
            (403, "", (0, 9), false),
            (500, "", (0, 9), false),
        ];
        for (status, body, sizes, told) in failures {
            let step = judge(status, body, sizes, told);
            assert!(matches!(step, Step::Failed(_)), "{status} {body}: {step:?}");
        }
    }

    #[test]
    fn settings_are_read_strictly() {
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        for wrong in [
            "",
            "http://w.example",
            "https://w.example a+b+c",
            "w.example a+b+c",
            "http:// a+b+c",
            "http://w.example a+b+c",
            &format!("http://w.example {key}"),
        ] {
            assert!(Witness::parse(wrong).is_err(), "{wrong}");
        }
    }
}
