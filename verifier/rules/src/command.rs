//! What the ledger can be asked to do, and which rows the answer depends on.

use alloc::string::String;
use alloc::vec::Vec;

use farthing_shared::{
    BackupName, ClaimId, CreatorId, ItemHash, Micros, OriginHash, PublicKey, SignedAllowance,
    SignedBackup, SignedBudget, SignedOffer, SignedOpening, SignedPermission, SignedRefund,
    SignedRotation, UnixMillis, Verified, VerifiedClaim,
};

use crate::findings::{Act, FindingDraft, FindingId, FindingRef, Sighting, Standing};
use crate::rows::{EntryNumber, KeyRef, VoucherHash, WalletRef};

/// One request to the ledger. Whatever needs a signature carries the evidence that it was checked.
#[derive(Debug, Clone)]
pub enum Command {
    /// Charge a claim of a known key.
    Claim {
        /// The claim.
        claim: VerifiedClaim,
        /// The number of the key it names.
        key: KeyRef,
    },
    /// Charge a claim that nobody clicked for: only if a permission of the wallet's holder covers it.
    AutomaticClaim {
        /// The claim.
        claim: VerifiedClaim,
        /// The number of the key it names.
        key: KeyRef,
    },
    /// Open a wallet.
    OpenWallet {
        /// The root key's introduction; its proof of work was checked.
        opening: Verified<SignedOpening>,
        /// The day's tag of the network it came from, where it is known.
        origin: Option<u64>,
    },
    /// Put an allowance in force.
    RegisterAllowance {
        /// The root key's permission.
        allowance: Verified<SignedAllowance>,
    },
    /// Set what a wallet may pay at most.
    SetBudget {
        /// The root key's word.
        budget: Verified<SignedBudget>,
    },
    /// Set what a creator may be paid without a click.
    SetPermission {
        /// The root key's word.
        permission: Verified<SignedPermission>,
    },
    /// Put another root key in the place of a wallet's present one.
    Rotate {
        /// The word of both keys.
        rotation: Verified<SignedRotation>,
    },
    /// Keep a root key that a passkey has sealed.
    KeepBackup {
        /// The root key's word.
        backup: Verified<SignedBackup>,
    },
    /// Redeem a voucher.
    TopUp {
        /// The wallet that is credited.
        root: PublicKey,
        /// The voucher.
        voucher: VoucherHash,
    },
    /// Issue vouchers of one value.
    IssueVouchers {
        /// Their hashes.
        vouchers: Vec<VoucherHash>,
        /// What each is worth.
        amount: Micros,
        /// They cannot be redeemed from this time on.
        expires_at: UnixMillis,
    },
    /// Void vouchers that nobody has redeemed; redeemed ones stay as they are.
    RevokeVouchers {
        /// Their hashes.
        vouchers: Vec<VoucherHash>,
    },
    /// Register a creator, or change what is known of one.
    SaveCreator(CreatorDraft),
    /// Set an item's price in the price list.
    SetItem {
        /// Whose item.
        creator: CreatorId,
        /// Its hash; made from creator and name.
        hash: ItemHash,
        /// Canonical name.
        name: String,
        /// For people.
        title: String,
        /// What it costs.
        price: Micros,
        /// Whether it can be bought.
        on_sale: bool,
    },
    /// Take a creator's signed offer into the price list.
    TakeOffer {
        /// The offer.
        offer: Verified<SignedOffer>,
        /// Canonical name; its hash is in the offer.
        name: String,
        /// For people; its hash is in the offer.
        title: String,
    },
    /// Give a claim's money back.
    Refund {
        /// The payer's request.
        refund: Verified<SignedRefund>,
    },
    /// Make payable what was held long enough.
    ReleaseHolds,
    /// Count claims that were refused before they came here.
    CountRefusals(Vec<EarlyRefusal>),
    /// Keep what was seen and leaves no entry.
    Observe(Vec<Sighting>),
    /// Forget from where came what was seen before a time.
    ForgetOrigins {
        /// Observations of before it.
        before: UnixMillis,
    },
    /// Record findings; one that is known is not recorded again.
    RecordFindings(Vec<FindingDraft>),
    /// Hold the creator's share of claims that a finding is about.
    HoldClaims {
        /// The finding.
        finding: FindingRef,
        /// Entries of claims; those that it is not about, or that were held before, are passed over.
        claims: Vec<EntryNumber>,
    },
    /// Uphold or lift a finding, or answer it.
    Review {
        /// The finding.
        finding: FindingRef,
        /// What is done: `Uphold`, `Lift` or `Answer`.
        act: Act,
        /// Who.
        who: String,
        /// Why.
        why: String,
    },
    /// Move the money that a decided finding holds, as much as one batch may.
    SettleFinding {
        /// The finding.
        finding: FindingRef,
    },
    /// Let a wallet pay, pay slowly, or not at all.
    SetStanding {
        /// The wallet.
        wallet: WalletRef,
        /// How it stands from now on.
        standing: Standing,
        /// Who.
        who: String,
        /// Why.
        why: String,
    },
}

/// A creator as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatorDraft {
    /// Its public id.
    pub id: CreatorId,
    /// For people; checked.
    pub name: String,
    /// Origins; checked.
    pub sites: Vec<String>,
    /// Payable amount from which it wants to be paid out.
    pub threshold: Micros,
    /// The key that signs its offers.
    pub offer_key: Option<PublicKey>,
    /// How long its payers may ask for refunds; `None` for as long as the provider says.
    pub refund_window_ms: Option<u64>,
    /// What it takes from one wallet in a calendar month of UTC at most; `None` for no such limit.
    pub month_max: Option<Micros>,
    /// Whether sign-in links and sessions made before become void.
    pub revoke_links: bool,
}

/// Claims refused by a cheap check or for a bad signature, summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlyRefusal {
    /// UTC day since 1970-01-01.
    pub day: u32,
    /// The creator that the claims named, whether it exists or not.
    pub creator: CreatorId,
    /// The outcome's number; 0 for repeats.
    pub code: u16,
    /// How many.
    pub count: u64,
    /// Their amounts.
    pub amount: Micros,
}

/// The number of a claim, for rows that depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimName {
    /// The key's number.
    pub key: KeyRef,
    /// The claim's number within the key.
    pub sequence: u64,
    /// The claim's id.
    pub id: ClaimId,
    /// What it buys.
    pub item: ItemHash,
    /// Whether nobody clicked for it.
    pub automatic: bool,
}

/// Where an allowance is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The wallet.
    pub root: PublicKey,
    /// The creator.
    pub creator: CreatorId,
    /// The site.
    pub origin: OriginHash,
    /// The browser.
    pub device: u32,
}

/// The rows that a batch of commands names; a store reads these before it lets them be decided.
#[derive(Debug, Default)]
pub struct Names {
    /// Claims, for keys, wallets, creators, ownership and past numbers; of automatic ones also what permits them.
    pub claims: Vec<ClaimName>,
    /// Wallets by root key.
    pub roots: Vec<PublicKey>,
    /// Those of them that may get their first budget, for what they paid in this month.
    pub spent: Vec<PublicKey>,
    /// Permissions by wallet and creator.
    pub permissions: Vec<(PublicKey, CreatorId)>,
    /// Backups by their names, and all those of the wallets of these root keys.
    pub backups: Vec<(PublicKey, BackupName)>,
    /// Spending keys by public key.
    pub keys: Vec<PublicKey>,
    /// Spending keys by the place they are in force.
    pub slots: Vec<Slot>,
    /// Creators by public id, with their profiles.
    pub creators: Vec<CreatorId>,
    /// Items by hash.
    pub items: Vec<ItemHash>,
    /// Vouchers.
    pub vouchers: Vec<VoucherHash>,
    /// Entries of claims to be refunded, or held because of a finding: with their wallets, creators, holds,
    /// earlier answers, and whether they are under review.
    pub refunds: Vec<EntryNumber>,
    /// Whether holds that are due are needed.
    pub holds: bool,
    /// Findings by their content.
    pub finding_ids: Vec<FindingId>,
    /// Findings by number.
    pub findings: Vec<FindingRef>,
    /// Decided findings whose held claims are needed.
    pub settled: Vec<FindingRef>,
    /// Wallets by number.
    pub wallets: Vec<WalletRef>,
}

impl Names {
    /// What these commands depend on.
    #[must_use]
    pub fn of(commands: &[Command]) -> Self {
        let mut names = Self::default();
        for command in commands {
            names.add(command);
        }
        names
    }

    fn add(&mut self, command: &Command) {
        match command {
            Command::Claim { claim, key } => self.add_claim(claim, *key, false),
            Command::AutomaticClaim { claim, key } => self.add_claim(claim, *key, true),
            Command::OpenWallet { opening, .. } => self.roots.push(opening.opening().root),
            Command::RegisterAllowance { allowance } => {
                let fields = allowance.allowance();
                self.roots.push(fields.root);
                self.keys.push(fields.key);
                self.creators.push(fields.creator);
                self.slots.push(Slot {
                    root: fields.root,
                    creator: fields.creator,
                    origin: fields.origin,
                    device: fields.device,
                });
            }
            Command::SetBudget { budget } => {
                let fields = budget.budget();
                self.roots.push(fields.root);
                // Counting is work, and no other number can be a first one.
                if fields.number == 1 {
                    self.spent.push(fields.root);
                }
            }
            Command::TopUp { root, voucher } => {
                self.roots.push(*root);
                self.vouchers.push(*voucher);
            }
            Command::IssueVouchers { vouchers, .. } | Command::RevokeVouchers { vouchers } => {
                self.vouchers.extend(vouchers);
            }
            Command::SaveCreator(draft) => self.creators.push(draft.id),
            Command::SetItem { creator, hash, .. } => {
                self.creators.push(*creator);
                self.items.push(*hash);
            }
            Command::TakeOffer { offer, .. } => {
                self.creators.push(offer.offer().creator);
                self.items.push(offer.offer().item);
            }
            Command::Refund { refund } => {
                let fields = refund.refund();
                // The signer is a root key or a spending key; which one the ledger knows.
                self.roots.push(fields.signer);
                self.keys.push(fields.signer);
                self.refunds.push(EntryNumber(fields.entry));
            }
            Command::ReleaseHolds => self.holds = true,
            Command::CountRefusals(tallies) => {
                self.creators.extend(tallies.iter().map(|tally| tally.creator));
            }
            Command::Observe(sightings) => {
                self.creators.extend(sightings.iter().filter_map(|sighting| match sighting {
                    Sighting::Forged { creator, .. } => Some(*creator),
                    Sighting::Hour => None,
                }));
            }
            Command::Rotate { .. } | Command::KeepBackup { .. } | Command::SetPermission { .. } => {
                self.add_root(command);
            }
            other => self.add_findings(other),
        }
    }

    fn add_claim(&mut self, claim: &VerifiedClaim, key: KeyRef, automatic: bool) {
        let (id, fields) = (claim.id(), claim.claim());
        let (sequence, item) = (fields.sequence, fields.item);
        self.claims.push(ClaimName { key, sequence, id, item, automatic });
    }

    fn add_root(&mut self, command: &Command) {
        match command {
            Command::Rotate { rotation } => {
                let fields = rotation.rotation();
                self.roots.extend([fields.root, fields.next]);
                self.keys.push(fields.next);
            }
            Command::KeepBackup { backup } => {
                let fields = backup.backup();
                self.roots.push(fields.root);
                self.backups.push((fields.root, fields.name));
            }
            Command::SetPermission { permission } => {
                let fields = permission.permission();
                self.roots.push(fields.root);
                self.creators.push(fields.creator);
                self.permissions.push((fields.root, fields.creator));
            }
            // Names no root key.
            _ => {}
        }
    }

    fn add_findings(&mut self, command: &Command) {
        match command {
            Command::RecordFindings(drafts) => {
                self.finding_ids.extend(drafts.iter().map(|draft| draft.id));
            }
            Command::HoldClaims { finding, claims } => {
                self.findings.push(*finding);
                self.refunds.extend(claims);
            }
            Command::Review { finding, .. } => self.findings.push(*finding),
            Command::SettleFinding { finding } => {
                self.findings.push(*finding);
                self.settled.push(*finding);
            }
            Command::SetStanding { wallet, .. } => self.wallets.push(*wallet),
            // Names no row.
            _ => {}
        }
    }
}
