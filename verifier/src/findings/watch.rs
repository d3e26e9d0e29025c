//! Follows the ledger beside the claims: scans what is new, records findings, holds what stems from
//! them, moves what people have decided.
//!
//! **Why a crash loses nothing.** A finding is recorded by one commit, the money that stems from it is
//! held by others. Whatever was recorded and not held yet is held at the next start (`reconcile`); whatever
//! was decided and not moved yet is moved (`settle`). Both pass over what was done.
//!
//! **Why claims do not wait for it.** It runs on a thread of its own at the lowest priority and works at
//! most a tenth of the time. What it writes goes through the queue like every other command, in batches
//! that take some milliseconds.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farthing_rules::findings::{FindingDraft, FindingRef, FindingRow, Sighting, SubjectKind};
use farthing_rules::{Answer, Command, CreatorRef, EntryNumber, WalletRef};
use farthing_shared::UnixMillis;

use super::scan::Scan;
use crate::clock::{Clock, monotonic};
use crate::intake::{Intake, IntakeError};
use crate::store::sqlite::{ReadError, Reader, Wanted};

/// Events taken in between two pauses: some milliseconds.
const STEP: usize = 256;
/// Time at rest for each time at work.
const REST: u32 = 9;
/// A rest is at most this long: a large scan may work for seconds.
const REST_MAX: Duration = Duration::from_secs(30);
/// The wait for something new, and after a failure.
const WAIT: Duration = Duration::from_millis(500);
/// Findings recorded, or claims held, by one command: some 10 ms of SQLite.
const TOGETHER: usize = 200;
const HOUR_MS: u64 = 3_600_000;

/// Why a round was not finished; the next one goes on.
#[derive(Debug)]
pub enum WatchError {
    /// The ledger could not be read.
    Read(ReadError),
    /// It could not be written.
    Write(IntakeError),
    /// It gave another answer than was asked for.
    Answer,
}

impl From<ReadError> for WatchError {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<IntakeError> for WatchError {
    fn from(error: IntakeError) -> Self {
        Self::Write(error)
    }
}

/// The watch over one ledger.
#[derive(Debug)]
pub struct Watch {
    scan: Scan,
    reader: Reader,
    intake: Intake,
    clock: Clock,
    keep_origins_days: u32,
    /// Undecided findings that accuse a wallet of paying a creator.
    accused: HashMap<(WalletRef, CreatorRef), BTreeSet<FindingRef>>,
    /// What a failed write left to be recorded.
    drafts: Vec<FindingDraft>,
    /// What a failed write left to be held.
    to_hold: Vec<(FindingRef, Vec<EntryNumber>)>,
    reconciled: bool,
    events_at_hour: u64,
    events: u64,
    hour: u64,
    day: u32,
}

impl Watch {
    /// Over a ledger, from its beginning.
    #[must_use]
    pub fn new(reader: Reader, intake: Intake, clock: Clock, keep_origins_days: u32) -> Self {
        Self {
            scan: Scan::new(reader.clone()),
            reader,
            intake,
            clock,
            keep_origins_days,
            accused: HashMap::new(),
            drafts: Vec::new(),
            to_hold: Vec::new(),
            reconciled: false,
            events_at_hour: 0,
            events: 0,
            hour: 0,
            day: 0,
        }
    }

    /// One round: takes some events in and does what follows. Gives how many events there were.
    ///
    /// # Errors
    /// [`WatchError`]. What was read and not yet held is taken up from the ledger by the next round, as at a
    /// start.
    pub async fn round(&mut self) -> Result<usize, WatchError> {
        let done = self.go_on().await;
        self.reconciled &= done.is_ok();
        done
    }

    async fn go_on(&mut self) -> Result<usize, WatchError> {
        if !self.reconciled {
            self.reconcile()?;
        }
        self.settle().await?;
        self.keep_time().await?;
        let scanned = self.scan.step(STEP)?;
        self.events = self.events.saturating_add(u64::try_from(scanned.events).unwrap_or(0));
        self.drafts.extend(scanned.drafts);
        let mut more: HashMap<FindingRef, Vec<EntryNumber>> = HashMap::new();
        for (claim, wallet, creator) in scanned.claims {
            // One of them may be decided already; a claim is held by the first that can.
            for finding in self.accused.get(&(wallet, creator)).into_iter().flatten() {
                more.entry(*finding).or_default().push(claim);
            }
        }
        self.to_hold.extend(more);
        self.record().await?;
        self.hold().await?;
        Ok(scanned.events)
    }

    /// Takes up what an earlier process or round left undone.
    fn reconcile(&mut self) -> Result<(), WatchError> {
        self.accused.clear();
        self.to_hold.clear();
        let wanted = Wanted { accusing: true, undecided: true, ..Wanted::default() };
        let mut below = u64::MAX;
        loop {
            let rows = self.reader.findings(wanted, below, 1_000)?;
            let Some(last) = rows.last() else { break };
            below = last.finding.0;
            for row in &rows {
                self.accuse(row)?;
            }
        }
        self.reconciled = true;
        Ok(())
    }

    /// Remembers an accusing finding and what it is to hold.
    fn accuse(&mut self, row: &FindingRow) -> Result<(), WatchError> {
        let said = &row.said;
        if said.subject.kind != SubjectKind::Wallet || said.creator == CreatorRef(0) {
            return Ok(());
        }
        let (wallet, creator) = (WalletRef(said.subject.number), said.creator);
        let claims = self.reader.claims_between(wallet, creator)?;
        let claims = self.reader.never_held(claims)?;
        self.accused.entry((wallet, creator)).or_default().insert(row.finding);
        if !claims.is_empty() {
            self.to_hold.push((row.finding, claims));
        }
        Ok(())
    }

    /// Records what was found. A start finds again what was recorded; that is passed over by reading, so
    /// that it costs the queue nothing.
    async fn record(&mut self) -> Result<(), WatchError> {
        let mut news = Vec::new();
        for draft in &self.drafts {
            if !self.reader.is_recorded(&draft.id)? {
                news.push(draft.clone());
            }
        }
        self.drafts = news;
        while !self.drafts.is_empty() {
            let some: Vec<FindingDraft> = self.drafts.iter().take(TOGETHER).cloned().collect();
            let count = some.len();
            let Answer::Recorded(rows) = self.intake.ask(Command::RecordFindings(some)).await?
            else {
                return Err(WatchError::Answer);
            };
            self.drafts.drain(..count);
            for (finding, is_new) in rows {
                // What was known before was taken up when this process began.
                let row = if is_new { self.reader.finding(finding)? } else { None };
                if let Some(row) = row.filter(|row| row.said.accuse) {
                    tracing::info!(finding = finding.0, rule = row.said.rule, "a finding of fraud");
                    self.accuse(&row)?;
                }
            }
        }
        Ok(())
    }

    /// Holds what stems from findings.
    async fn hold(&mut self) -> Result<(), WatchError> {
        while let Some((finding, claims)) = self.to_hold.last_mut() {
            let finding = *finding;
            let rest = claims.split_off(claims.len().min(TOGETHER));
            let command = Command::HoldClaims { finding, claims: claims.clone() };
            let answer = self.intake.ask(command).await;
            let Some((_, claims)) = self.to_hold.last_mut() else { break };
            match answer {
                Ok(_) if rest.is_empty() => drop(self.to_hold.pop()),
                Ok(_) => *claims = rest,
                Err(error) => {
                    claims.extend(rest);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Moves what people have decided.
    async fn settle(&mut self) -> Result<(), WatchError> {
        for finding in self.reader.findings_to_settle()? {
            self.accused.retain(|_, open| {
                open.remove(&finding);
                !open.is_empty()
            });
            loop {
                match self.intake.ask(Command::SettleFinding { finding }).await? {
                    Answer::Settled(Ok((settled, left))) if settled > 0 && left > 0 => {}
                    Answer::Settled(_) => break,
                    _ => return Err(WatchError::Answer),
                }
            }
        }
        Ok(())
    }

    /// Notes each hour in which something happened, so that what was found then is found again from
    /// the ledger; forgets origins once a day.
    async fn keep_time(&mut self) -> Result<(), WatchError> {
        let now = self.clock.now();
        let hour = now.0 / HOUR_MS;
        if hour != self.hour {
            if self.hour != 0 && self.events != self.events_at_hour {
                self.intake.ask(Command::Observe(vec![Sighting::Hour])).await?;
                // The note itself is no reason for another one.
                self.events = self.events.saturating_sub(1);
            }
            self.hour = hour;
            self.events_at_hour = self.events;
        }
        if now.day() != self.day {
            let kept_ms = u64::from(self.keep_origins_days).saturating_mul(24 * HOUR_MS);
            let before = UnixMillis(now.0.saturating_sub(kept_ms));
            self.intake.ask(Command::ForgetOrigins { before }).await?;
            self.day = now.day();
        }
        Ok(())
    }
}

/// Runs the watch on a thread of its own until it is told to stop.
pub fn follow(
    mut watch: Watch,
    stopping: Arc<AtomicBool>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new().name("watch".into()).spawn(move || {
        // On Linux this is the thread's own priority. Where it cannot be lowered, rests remain.
        #[cfg(target_os = "linux")]
        let _as_it_was = rustix::process::nice(19);
        while !stopping.load(Ordering::SeqCst) {
            let begun = monotonic();
            let rest = match runtime.block_on(watch.round()) {
                Ok(0) => WAIT,
                Ok(_) => begun.elapsed().saturating_mul(REST).min(REST_MAX),
                Err(error) => {
                    tracing::warn!(?error, "the fraud scan waits a moment");
                    WAIT
                }
            };
            std::thread::park_timeout(rest);
        }
    })
}
