//! From the ledger to findings: entries and observations in one order, the same whenever they are read,
//! into the detector; what it says becomes drafts. No clock, no randomness, nothing written.
//!
//! The order: an observation comes right after the newest entry of when it was seen. Both have numbers
//! without gaps in commit order, so that a server that reads them as they come and a command that reads
//! them all at once see the same events, and find the same.
//!
//! **Why a failed read loses nothing.** All that an event needs is read before it leaves the queue; what the
//! detector says of it waits in `found` until it is a draft; what a step has gathered waits in `gathered`
//! until a step succeeds. So whatever fails, the next step goes on where this one ended.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet, VecDeque};

use farthing_fraud::event::{Claim, Event, Kind};
use farthing_fraud::finding::Finding;
use farthing_fraud::replay::Replay;
use farthing_rules::findings::{
    FindingDraft, Observation, Place, Role, Seen, Subject, SubjectKind,
};
use farthing_rules::rows::{Entry, EntryBody};
use farthing_rules::{CreatorRef, EntryNumber, FindingId, WalletRef};
use farthing_shared::{CreatorId, UnixMillis};

use super::identity;
use crate::store::sqlite::{ReadError, Reader};

/// What a scan reads of a ledger.
pub trait Source {
    /// Entries and observations that follow, as they are at one moment.
    ///
    /// # Errors
    /// As all methods here: [`ReadError`]; asked again, it gives the same.
    fn events_after(
        &self,
        read: (EntryNumber, u64),
        limit: usize,
    ) -> Result<(Vec<Entry>, Vec<Observation>), ReadError>;
    /// One entry.
    fn entry(&self, number: EntryNumber) -> Result<Option<Entry>, ReadError>;
    /// When a voucher was issued.
    fn voucher_issued_at(&self, hash: &[u8; 32]) -> Result<Option<UnixMillis>, ReadError>;
    /// A creator's public name.
    fn creator_id(&self, creator: CreatorRef) -> Result<Option<CreatorId>, ReadError>;
}

impl Source for Reader {
    fn events_after(
        &self,
        read: (EntryNumber, u64),
        limit: usize,
    ) -> Result<(Vec<Entry>, Vec<Observation>), ReadError> {
        self.events_after(read, limit)
    }

    fn entry(&self, number: EntryNumber) -> Result<Option<Entry>, ReadError> {
        self.entry(number)
    }

    fn voucher_issued_at(&self, hash: &[u8; 32]) -> Result<Option<UnixMillis>, ReadError> {
        self.voucher_issued_at(hash)
    }

    fn creator_id(&self, creator: CreatorRef) -> Result<Option<CreatorId>, ReadError> {
        Ok(self.profile(creator)?.map(|profile| profile.id))
    }
}

/// Entries, and observations, read at once: some 400 B each.
const READ_TOGETHER: usize = 2_048;
/// Numbers of observations among the detector's numbers of events; entries stay below.
const SEEN: u64 = 1 << 62;
/// A finding that does not accuse is kept from this probability on.
const WATCH_KEPT_FROM: f64 = 0.5;
/// Forged claims of one sender and day from which it is a finding: one can be a broken device.
const FORGED_MIN: u64 = 3;
/// Proofs: what the ledger itself has refused.
const PROOF_RULE: &str = "ledger-proof@1";

/// What one step of a scan gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// Events taken in; 0 when there is nothing more to read.
    pub events: usize,
    /// Findings that followed.
    pub drafts: Vec<FindingDraft>,
    /// Claims among the events: entry, wallet, creator.
    pub claims: Vec<Claimed>,
}

/// A scan under way.
#[derive(Debug)]
pub struct Scan<S = Reader> {
    source: S,
    replay: Replay,
    entries: VecDeque<Entry>,
    observations: VecDeque<Observation>,
    /// Read up to here.
    read: (EntryNumber, u64),
    /// Whether the last read may have left observations behind.
    more_observations: bool,
    /// Taken in up to here.
    taken: EntryNumber,
    events: u64,
    /// The start of the first event's day: the detector's zero.
    zero_ms: Option<u64>,
    now_ms: u64,
    creators: RefCell<HashMap<CreatorRef, Option<CreatorId>>>,
    watched: HashSet<(u64, CreatorRef)>,
    forged: HashMap<u64, u64>,
    /// Said by the detector and not yet a draft.
    found: VecDeque<Said>,
    /// What steps have given since the last one that succeeded.
    gathered: Scanned,
}

/// What the detector said, and when.
#[derive(Debug)]
struct Said {
    finding: Finding,
    at: UnixMillis,
    horizon: EntryNumber,
}

impl<S: Source> Scan<S> {
    /// From the beginning of a ledger.
    #[must_use]
    pub fn new(source: S) -> Self {
        Self {
            source,
            replay: Replay::default(),
            entries: VecDeque::new(),
            observations: VecDeque::new(),
            read: (EntryNumber(0), 0),
            more_observations: false,
            taken: EntryNumber(0),
            events: 0,
            zero_ms: None,
            now_ms: 0,
            creators: RefCell::default(),
            watched: HashSet::new(),
            forged: HashMap::new(),
            found: VecDeque::new(),
            gathered: Scanned::default(),
        }
    }

    /// Takes in at most so many events.
    ///
    /// # Errors
    /// [`ReadError`]; nothing is lost by it, the next step gives what this one had gathered too.
    pub fn step(&mut self, events_max: usize) -> Result<Scanned, ReadError> {
        self.write_up()?;
        while self.gathered.events < events_max {
            if self.take_next()? {
                self.gathered.events = self.gathered.events.saturating_add(1);
                self.write_up()?;
            } else if !self.read_more()? {
                break;
            }
        }
        Ok(std::mem::take(&mut self.gathered))
    }

    /// Makes drafts of what the detector has said.
    fn write_up(&mut self) -> Result<(), ReadError> {
        while let Some(said) = self.found.front() {
            let draft = self.draft(said)?;
            self.found.pop_front();
            let is_news = |draft: &FindingDraft| {
                draft.accuse || self.watched.insert((draft.subject.number, draft.creator))
            };
            self.gathered.drafts.extend(draft.filter(is_news));
        }
        Ok(())
    }

    /// Reads what follows; false when nothing new is there.
    fn read_more(&mut self) -> Result<bool, ReadError> {
        let (entries, observations) = self.source.events_after(self.read, READ_TOGETHER)?;
        self.more_observations = observations.len() >= READ_TOGETHER;
        if let Some(entry) = entries.last() {
            self.read.0 = entry.number;
        }
        if let Some(seen) = observations.last() {
            self.read.1 = seen.number;
        }
        let any = !entries.is_empty() || !observations.is_empty();
        self.entries.extend(entries);
        self.observations.extend(observations);
        Ok(any)
    }

    /// Takes the next event in, if it is certain which one that is.
    fn take_next(&mut self) -> Result<bool, ReadError> {
        if let Some(seen) = self.observations.front()
            && seen.after <= self.taken
        {
            let seen = *seen;
            self.observation(&seen)?;
            self.observations.pop_front();
            return Ok(true);
        }
        let Some(entry) = self.entries.front() else { return Ok(false) };
        // An observation that was not read yet may have to come first.
        let last = self.observations.back().map_or(EntryNumber(0), |seen| seen.after);
        if self.more_observations && entry.number > last {
            return Ok(false);
        }
        let (number, at) = (entry.number, entry.at);
        let (kind, claim) = self.read_entry(entry)?;
        self.gathered.claims.extend(claim);
        self.event(number.0, at, kind);
        self.taken = number;
        self.entries.pop_front();
        Ok(true)
    }

    /// Seconds of the detector; a clock that went back stands still.
    fn seconds(&mut self, at: UnixMillis) -> f64 {
        let zero = *self.zero_ms.get_or_insert(at.0.saturating_sub(at.0 % DAY_MS));
        self.now_ms = self.now_ms.max(at.0);
        #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "years fit 53 bits")]
        let ms = self.now_ms.saturating_sub(zero) as f64;
        ms / 1_000.0
    }

    /// Takes an observation in; nothing is taken in when it fails.
    fn observation(&mut self, seen: &Observation) -> Result<(), ReadError> {
        let creator = match seen.seen {
            Seen::Equivocation => self.creator_name(seen.creator)?,
            Seen::Opened | Seen::Hour | Seen::Forged => String::new(),
        };
        let kind = match seen.seen {
            Seen::Opened => Kind::Register {
                wallet: Cow::Owned(wallet_name(seen.wallet)),
                prefix: seen.origin.map(|origin| Cow::Owned(format!("{origin:x}"))),
                free: Some(seen.amount.get()),
            },
            Seen::Hour | Seen::Forged | Seen::Equivocation => Kind::Other,
        };
        self.event(SEEN | seen.number, seen.at, kind);
        let proof = match seen.seen {
            Seen::Equivocation => Some(self.equivocation(seen, &creator)),
            Seen::Forged => self.forgeries(seen),
            Seen::Opened | Seen::Hour => None,
        };
        self.gathered.drafts.extend(proof);
        Ok(())
    }

    /// What the detector is told of an entry, and the claim that it is, if it is one.
    fn read_entry(&self, entry: &Entry) -> Result<(Kind<'static>, Option<Claimed>), ReadError> {
        let mut claimed = None;
        let kind = match &entry.body {
            EntryBody::Claim(claim) => {
                claimed = Some((entry.number, claim.wallet, claim.creator));
                Kind::Claim(Claim {
                    // The ledger has charged it, so it is nobody's copy.
                    id: Cow::Owned(entry.number.0.to_string()),
                    wallet: Cow::Owned(wallet_name(claim.wallet)),
                    creator: Cow::Owned(self.creator_name(claim.creator)?),
                    seq: None,
                    amount: claim.amount.get(),
                    prefix: None,
                    via: None,
                    sig_ok: true,
                })
            }
            EntryBody::TopUp { wallet, amount, reference, .. } => {
                let issued_at = self.source.voucher_issued_at(reference)?;
                Kind::TopUp {
                    wallet: Cow::Owned(wallet_name(*wallet)),
                    amount: amount.get(),
                    fund: issued_at.map(|at| Cow::Owned(format!("v{}", at.0))),
                }
            }
            EntryBody::Refund(refund) => Kind::Refund {
                id: Cow::Owned(refund.claim.0.to_string()),
                wallet: Cow::Owned(wallet_name(refund.wallet)),
                creator: Cow::Owned(self.creator_name(refund.creator)?),
                amount: refund.amount.get(),
            },
            EntryBody::Lift(review) => match review.place {
                Place::Wallet { wallet, fee, .. } => Kind::Refund {
                    id: Cow::Owned(review.claim.0.to_string()),
                    wallet: Cow::Owned(wallet_name(wallet)),
                    creator: Cow::Owned(self.creator_name(review.creator)?),
                    amount: review.amount.get().saturating_add(fee.get()),
                },
                // It goes where it would be without the finding: a person has lifted that.
                Place::Held { .. } | Place::Payable => match self.source.entry(review.claim)? {
                    Some(Entry { body: EntryBody::Claim(claim), .. }) => {
                        Kind::Lifted { wallet: Cow::Owned(wallet_name(claim.wallet)) }
                    }
                    _ => Kind::Other,
                },
            },
            // Free credit is told with the wallet's opening.
            EntryBody::Welcome { .. } | EntryBody::Release { .. } | EntryBody::Hold(_) => {
                Kind::Other
            }
        };
        Ok((kind, claimed))
    }

    fn event(&mut self, number: u64, at: UnixMillis, kind: Kind<'_>) {
        let t = self.seconds(at);
        let mut found = Vec::new();
        let event = Event { n: number, t, kind };
        // Times never fall (`seconds`), which is the only thing that the detector refuses.
        let _taken = self.replay.event(self.events, &event, &mut found);
        self.events = self.events.saturating_add(1);
        let (at, horizon) = (UnixMillis(self.now_ms), self.taken);
        self.found.extend(found.into_iter().map(|finding| Said { finding, at, horizon }));
    }

    /// A draft of what the detector says. Its proofs are left out: the ledger has its own.
    fn draft(&self, said: &Said) -> Result<Option<FindingDraft>, ReadError> {
        let finding = &said.finding;
        let wallet = finding.subject.strip_prefix('w').and_then(|text| text.parse().ok());
        let Some(wallet) = wallet.filter(|_| finding.culprit.is_none()) else { return Ok(None) };
        if !finding.accuse && finding.score < WATCH_KEPT_FROM {
            return Ok(None);
        }
        let (seen, entries): (Vec<u64>, Vec<u64>) =
            finding.evidence.iter().partition(|number| **number >= SEEN);
        let observations = seen.into_iter().map(|number| number & !SEEN).collect();
        let entries: Vec<EntryNumber> = entries.into_iter().map(EntryNumber).collect();
        let creator = self.creator_paid(&entries)?;
        Ok(Some(named(FindingDraft {
            id: FindingId([0; 24]),
            subject: Subject { kind: SubjectKind::Wallet, number: wallet },
            role: Role::Steered,
            kind: finding.kind.to_owned(),
            rule: finding.rule.to_owned(),
            score_ppm: ppm(finding.score),
            error_ppm: honest_accused_ppm(finding.rule),
            accuse: finding.accuse,
            creator,
            at: said.at,
            horizon: said.horizon,
            entries,
            observations,
            explanation: finding.explanation.clone(),
        })))
    }

    /// The creator whose claims are in the evidence.
    fn creator_paid(&self, entries: &[EntryNumber]) -> Result<CreatorRef, ReadError> {
        for entry in entries.iter().rev() {
            if let Some(Entry { body: EntryBody::Claim(claim), .. }) = self.source.entry(*entry)? {
                return Ok(claim.creator);
            }
        }
        Ok(CreatorRef(0))
    }

    fn equivocation(&self, seen: &Observation, creator: &str) -> FindingDraft {
        let explanation = format!(
            "{} signed two different payments to {creator} under number {}; only its key can do that. \
             The second was not charged. Both signed claims are kept.",
            wallet_name(seen.wallet),
            seen.count
        );
        self.proof(
            seen,
            SubjectKind::Wallet,
            Role::Signer,
            seen.wallet.0,
            "equivocation",
            explanation,
        )
    }

    fn forgeries(&mut self, seen: &Observation) -> Option<FindingDraft> {
        let origin = seen.origin?;
        let before = self.forged.get(&origin).copied().unwrap_or(0);
        let count = before.saturating_add(seen.count);
        self.forged.insert(origin, count);
        if before >= FORGED_MIN || count < FORGED_MIN {
            return None;
        }
        let explanation = format!(
            "{count} payments whose signatures do not hold came from one network on one day. None was \
             charged; nothing is held against the wallets and creators that they name."
        );
        Some(self.proof(seen, SubjectKind::Sender, Role::Submitter, origin, "forged", explanation))
    }

    fn proof(
        &self,
        seen: &Observation,
        kind: SubjectKind,
        role: Role,
        number: u64,
        name: &str,
        explanation: String,
    ) -> FindingDraft {
        named(FindingDraft {
            id: FindingId([0; 24]),
            subject: Subject { kind, number },
            role,
            kind: name.to_owned(),
            rule: PROOF_RULE.to_owned(),
            score_ppm: 1_000_000,
            error_ppm: honest_accused_ppm(PROOF_RULE),
            accuse: true,
            // Nothing was charged, so no creator's money stems from it.
            creator: CreatorRef(0),
            at: UnixMillis(self.now_ms),
            horizon: self.taken,
            entries: Vec::new(),
            observations: vec![seen.number],
            explanation,
        })
    }

    fn creator_name(&self, creator: CreatorRef) -> Result<String, ReadError> {
        let known = self.creators.borrow().get(&creator).copied();
        let known = match known {
            Some(known) => known,
            None => {
                let found = self.source.creator_id(creator)?;
                self.creators.borrow_mut().insert(creator, found);
                found
            }
        };
        Ok(known.map_or_else(|| format!("c{}", creator.0), |id| id.to_text()))
    }
}

/// A claim as the watch asks for it.
type Claimed = (EntryNumber, WalletRef, CreatorRef);

/// Gives a draft the name of what it says.
fn named(draft: FindingDraft) -> FindingDraft {
    FindingDraft { id: identity(&draft), ..draft }
}

/// How many honest wallets in a million a rule accused where that was measured.
fn honest_accused_ppm(rule: &str) -> u32 {
    match rule {
        // The ledger has refused it, or only the key's owner can have done it: nothing is inferred.
        PROOF_RULE => 0,
        rule => farthing_fraud::calibrate::honest_accused_ppm(rule),
    }
}

const DAY_MS: u64 = farthing_shared::time::DAY_MS;

/// How a wallet is called in findings: by its number, which only the provider can look up.
fn wallet_name(wallet: WalletRef) -> String {
    format!("w{}", wallet.0)
}

/// A probability in millionths.
fn ppm(score: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::as_conversions,
        reason = "0 to 1 was multiplied by a million"
    )]
    let ppm = (score.clamp(0.0, 1.0) * 1_000_000.0).round() as u32;
    ppm
}

#[cfg(test)]
mod tests {
    use farthing_rules::rows::{ClaimEntry, ReviewEntry};
    use farthing_rules::{ItemRef, KeyRef};
    use farthing_shared::Micros;

    use super::*;

    /// A ledger whose first entry is a payment of wallet 7 to creator 3.
    struct OnePayment;

    impl Source for OnePayment {
        fn events_after(
            &self,
            _: (EntryNumber, u64),
            _: usize,
        ) -> Result<(Vec<Entry>, Vec<Observation>), ReadError> {
            Ok((Vec::new(), Vec::new()))
        }

        fn entry(&self, number: EntryNumber) -> Result<Option<Entry>, ReadError> {
            let none = EntryNumber(0);
            let claim = ClaimEntry {
                signed: [0; farthing_shared::Claim::SIGNED_LEN],
                key: KeyRef(1),
                wallet: WalletRef(7),
                creator: CreatorRef(3),
                item: ItemRef(0),
                amount: Micros::MAX,
                free: Micros::ZERO,
                fee: Micros::ZERO,
                release_minute: 9,
                creator_number: 1,
                creator_total: Micros::MAX,
                previous_of_key: none,
                mark_of_key: none,
                previous_of_wallet: none,
                previous_of_creator: none,
            };
            let body = EntryBody::Claim(Box::new(claim));
            Ok((number.0 == 1).then_some(Entry { number, at: UnixMillis(1), body }))
        }

        fn voucher_issued_at(&self, _: &[u8; 32]) -> Result<Option<UnixMillis>, ReadError> {
            Ok(None)
        }

        fn creator_id(&self, _: CreatorRef) -> Result<Option<CreatorId>, ReadError> {
            Ok(None)
        }
    }

    #[test]
    fn the_ledger_says_what_people_lifted() {
        let (wallet, none) = (WalletRef(7), EntryNumber(0));
        let to_wallet = Place::Wallet { wallet, fee: Micros::ZERO, previous_of_wallet: none };
        for (place, lifted) in [
            (Place::Held { release_minute: 9 }, true),
            (Place::Payable, true),
            (to_wallet, false), // upheld
        ] {
            let review = ReviewEntry {
                creator: CreatorRef(3),
                claim: EntryNumber(1),
                amount: Micros::MAX,
                place,
                finding: FindingId([0; 24]),
            };
            for (body, lifted) in
                [(EntryBody::Lift(review.clone()), lifted), (EntryBody::Hold(review), false)]
            {
                let entry = Entry { number: EntryNumber(5), at: UnixMillis(2), body };
                let (kind, _) = Scan::new(OnePayment).read_entry(&entry).expect("nothing fails");
                let is_lifted = matches!(&kind, Kind::Lifted { wallet } if wallet == "w7");
                assert_eq!(is_lifted, lifted, "{kind:?} of {entry:?}");
            }
        }
    }
}
