//! A check as the page drives it: statements taken in turn, their signatures shared out among workers.
//!
//! ```text
//!  begin ─► open(file) ─► signatures(share) ─► helped(share)… ─► finish ─► compare(what the page shows)
//!             ▲                                                    │
//!             └──────────── the next statement ────────────────────┘
//! ```
//!
//! One worker, the chief, goes the whole way. The others (helpers) open the same file and check the
//! signatures of their share; the page carries what they found to the chief.

use std::ops::Range;

use farthing_shared::account::{Account, Before, SoFar};
use farthing_shared::checkpoint::Checkpoint;
use farthing_shared::leaf::LeafBody;
use farthing_shared::merkle::{Hash, is_consistent};
use farthing_shared::note::{Note, NoteKey};
use farthing_shared::receipt::Receipt;
use farthing_shared::statement::{BadStatement, Opened, Statement};
use farthing_shared::{CreatorId, Micros};

use crate::words::{Said, of_key, of_receipt, of_statement};

/// Payments between two words of progress.
pub const STEP: usize = 256;

/// A check under way.
#[derive(Debug)]
pub struct Check {
    key: NoteKey,
    creator: CreatorId,
    seen: Option<Checkpoint>,
    before: Before,
    account: Account,
    so_far: SoFar,
    /// The newest checkpoint as it was signed.
    note: String,
    opened: Option<Opened>,
    /// Signatures of the open statement that were looked at, here and by helpers.
    looked: usize,
    invented: Option<u64>,
}

/// What is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// How many payments, all of them.
    pub payments: u64,
    /// What visitors signed for.
    pub paid: Micros,
    /// What the creator was credited.
    pub total: Micros,
    /// How many refunds, all of them proven.
    pub refunds: u64,
    /// How many of them are of payments newer than those that are shown, so that nothing shows yet that they
    /// are of this creator's.
    pub refunds_newer: u64,
    /// What they took back.
    pub refunded: Micros,
    /// What is left: total less refunded.
    pub left: Micros,
    /// Entries of the log that holds them.
    pub size: u64,
    /// The log's checkpoint, to be remembered.
    pub checkpoint: String,
    /// Where payments and refunds end, to be remembered as well.
    pub ends: Before,
}

impl Check {
    /// Begins. `seen` is the checkpoint that this browser remembers, empty at the first time; `before` is
    /// what it has proven of this creator's payments.
    ///
    /// # Errors
    /// In words, when one of the three is not what it should be.
    pub fn begin(key: &str, creator: &str, seen: &str, before: Before) -> Result<Self, Said> {
        let key = NoteKey::parse(key.trim()).map_err(of_key)?;
        let creator = CreatorId::parse(creator)
            .map_err(|why| Said::fault("The creator's id cannot be read", &why.to_string()))?;
        // This browser proved the remembered checkpoint once; when the key of today did not sign it, the
        // key or the log is another one.
        let other = |_| of_statement(&BadStatement::OtherLog);
        let seen = if seen.is_empty() { None } else { Some(open_note(seen, &key).map_err(other)?) };
        let (account, so_far) = (Account::default(), SoFar::default());
        let note = String::new();
        let (opened, looked, invented) = (None, 0, None);
        Ok(Self { key, creator, seen, before, account, so_far, note, opened, looked, invented })
    }

    /// Takes the next statement and looks at everything but signatures and proofs; how many payments it
    /// holds.
    ///
    /// # Errors
    /// The lie, in words.
    pub fn open(&mut self, file: &[u8]) -> Result<usize, Said> {
        (self.looked, self.invented) = (0, None);
        let statement = Statement::parse(file).map_err(|why| of_statement(&why))?;
        self.note = statement.checkpoint.to_string();
        let seen = self.account.checkpoint.as_ref().or(self.seen.as_ref());
        let opened = statement
            .open(&self.key, Some(&self.creator), seen)
            .map_err(|why| of_statement(&why))?;
        let payments = opened.payments();
        self.opened = Some(opened);
        Ok(payments)
    }

    /// How many refunds the statement holds that was opened last.
    #[must_use]
    pub fn refunds(&self) -> usize {
        self.opened.as_ref().map_or(0, Opened::refunds)
    }

    /// Checks the signatures of some places; the first entry whose signature does not hold is kept.
    pub fn signatures(&mut self, places: Range<usize>) {
        let Some(opened) = &self.opened else { return };
        let looked = places.len();
        let invented = match opened.check_signatures(places) {
            Err(BadStatement::Invented { entry }) => Some(entry),
            _ => None,
        };
        self.helped(looked, invented);
    }

    /// What a helper found in its share, in which it looked at so many signatures.
    pub fn helped(&mut self, looked: usize, invented: Option<u64>) {
        self.looked = self.looked.saturating_add(looked);
        self.invented = match (self.invented, invented) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// Signatures that were looked at so far.
    #[must_use]
    pub fn looked(&self) -> usize {
        self.looked
    }

    /// The first entry found so far whose signature does not hold.
    #[must_use]
    pub fn invented(&self) -> Option<u64> {
        self.invented
    }

    /// All signatures of this statement were looked at: the rest of it, and how it joins the ones before.
    /// Payments and refunds proven so far, entries of the log, and its checkpoint.
    ///
    /// # Errors
    /// The lie, in words.
    pub fn finish(&mut self) -> Result<(u64, u64, u64, &str), Said> {
        if let Some(entry) = self.invented {
            return Err(of_statement(&BadStatement::Invented { entry }));
        }
        let opened = self.opened.take();
        let opened = opened.ok_or_else(|| Said::fault("There is no statement to check", ""))?;
        // A helper that could not do its share must not make signatures hold that nobody looked at.
        if self.looked != opened.payments() {
            let text = format!("{} of {} were looked at.", self.looked, opened.payments());
            return Err(Said::fault("Not every signature was checked", &text));
        }
        let same = opened.check_before(&self.before);
        let verdict = opened.finish(&mut self.so_far).map_err(|why| of_statement(&why))?;
        self.account.add(&verdict).map_err(|why| of_statement(&why))?;
        // Only what is proven is compared, so that the page can say "in the log".
        same.map_err(|why| of_statement(&why))?;
        Ok((self.account.payments, self.account.refunds, verdict.checkpoint.size, &self.note))
    }

    /// The log that the chief has proven up to now, from which the next statement must go on.
    ///
    /// # Errors
    /// In words, when it is not a checkpoint of this log.
    pub fn follows(&mut self, note: &str) -> Result<(), Said> {
        self.account.checkpoint = Some(open_note(note, &self.key)?);
        Ok(())
    }

    /// Compares what is proven with what the page shows: payments and their total, refunds and theirs
    /// (an empty text where it shows none).
    ///
    /// # Errors
    /// The lie, in words.
    pub fn compare(
        &self,
        (payments, total): (u64, &str),
        (refunds, refunded): (u64, &str),
    ) -> Result<Proven, Said> {
        let amount = |text| {
            Micros::parse(text)
                .map_err(|why| Said::fault("The total shown is not an amount", &why.to_string()))
        };
        self.before.compare(&self.account.ends()).map_err(|why| of_statement(&why))?;
        self.account.compare(payments, amount(total)?).map_err(|why| of_statement(&why))?;
        let back = if refunded.is_empty() { None } else { Some((refunds, amount(refunded)?)) };
        let refunded = &self.so_far.refunded;
        self.account.compare_refunds(refunded, back).map_err(|why| of_statement(&why))?;
        Ok(Proven {
            payments: self.account.payments,
            paid: self.account.paid,
            total: self.account.total,
            refunds: self.account.refunds,
            // All that name a payment up to the last one were met, or compare_refunds had said so.
            refunds_newer: refunded.unmet(),
            refunded: self.account.refunded,
            // Each refund is of one payment and takes what it had brought; those of payments newer than
            // the ones shown can make it less than nothing for a moment.
            left: self.account.total.minus(self.account.refunded).unwrap_or(Micros::ZERO),
            size: self.account.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size),
            checkpoint: self.note.clone(),
            ends: self.account.ends(),
        })
    }
}

/// The places of one share out of several, as even as they can be.
#[must_use]
pub fn share(payments: usize, number: usize, shares: usize) -> Range<usize> {
    let shares = shares.max(1);
    let edge = |number: usize| payments * number.min(shares) / shares;
    edge(number)..edge(number + 1)
}

/// A receipt that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The entry in the log.
    pub entry: u64,
    /// The creator's running number.
    pub number: u64,
    /// What was paid.
    pub amount: Micros,
    /// In which currency.
    pub currency: String,
    /// Whom.
    pub creator: String,
    /// The claim.
    pub claim: String,
    /// Entries that the receipt's checkpoint signs.
    pub size: u64,
    /// The receipt's checkpoint.
    pub checkpoint: String,
}

/// Checks a receipt by itself.
///
/// # Errors
/// What is wrong, in words.
pub fn receipt(key: &str, text: &str) -> Result<Held, Said> {
    let key = NoteKey::parse(key.trim()).map_err(of_key)?;
    let receipt = Receipt::parse(text).map_err(|why| of_receipt(&why))?;
    let proven = receipt.verify(&key).map_err(|why| of_receipt(&why))?;
    let LeafBody::Claim(claim) = &proven.leaf.body else {
        return Err(Said::fault("This is not the receipt of a payment", ""));
    };
    let fields = claim.signed.claim();
    Ok(Held {
        entry: proven.leaf.entry,
        number: claim.number,
        amount: fields.amount,
        currency: fields.currency.as_str().to_owned(),
        creator: fields.creator.to_string(),
        claim: claim.signed.id().to_string(),
        size: proven.checkpoint.size,
        checkpoint: receipt.checkpoint.to_string(),
    })
}

/// Whether the log went on from an older checkpoint to a newer one, or is still the same; entries of the
/// newer one. `proof` is the proof of consistency, a hash a line.
///
/// # Errors
/// The lie, in words.
pub fn follow(key: &str, old: &str, new: &str, proof: &str) -> Result<u64, Said> {
    let key = NoteKey::parse(key.trim()).map_err(of_key)?;
    let (old, new) = (open_note(old, &key)?, open_note(new, &key)?);
    if new.size < old.size {
        let lie = BadStatement::RolledBack { seen: old.size, size: new.size };
        return Err(of_statement(&lie));
    }
    let split = || of_statement(&BadStatement::SplitView { seen: old.size });
    let hashes: Option<Vec<Hash>> = proof.lines().map(Hash::parse).collect();
    let hashes = hashes.ok_or_else(split)?;
    if is_consistent((old.size, &old.root), (new.size, &new.root), &hashes) {
        Ok(new.size)
    } else {
        Err(split())
    }
}

fn open_note(text: &str, key: &NoteKey) -> Result<Checkpoint, Said> {
    let note = Note::parse(text).map_err(|why| of_statement(&BadStatement::Checkpoint(why)))?;
    let named = Checkpoint::parse(note.text()).map(|checkpoint| checkpoint.origin);
    if named.is_ok_and(|origin| origin != key.name()) {
        return Err(of_statement(&BadStatement::OtherLog));
    }
    Checkpoint::open(&note, key).map_err(|why| of_statement(&BadStatement::Checkpoint(why)))
}
