//! Visitors with real keys, their wallets in a ledger, and the claims that they sign.
//!
//! Wallets, allowances, creators and prices are written through the store before the server
//! starts: only claims are measured. Every claim is a view of an item that its wallet does not own
//! yet, which is the most that a claim can cost the ledger.

use std::path::Path;

use farthing_rules::{Answer, Command, KeyRef, Policy, VoucherHash};
use farthing_shared::{
    Allowance, Challenge, Claim, CreatorId, ItemHash, Kind, Micros, Opening, OriginHash, PublicKey,
    SignedClaim, SigningKey, UnixMillis, item_hash, origin_hash,
};
use farthing_verifier::clock::Clock;
use farthing_verifier::config::Config;
use farthing_verifier::run;
use farthing_verifier::secrets::Secrets;
use farthing_verifier::store::Writer;
use rayon::prelude::*;

/// The site that every creator here has.
const ORIGIN: &str = "https://bench.example";
/// Creators; the first of them has a quarter of all visitors.
pub const CREATORS: usize = 100;
/// Wallets. A multiple of connections × claims a request for every load, so that the claims of one
/// wallet always go through the same connection (see `load.rs`).
pub const VISITORS: usize = if cfg!(test) { 320 } else { 32_000 };
/// Items of each creator: so many views a wallet can buy before it owns everything.
const ITEMS: usize = 1_000;
/// What every item costs.
const PRICE: &str = "0.001";
/// What every visitor has to spend: more than all articles of a creator cost.
const FUNDS: &str = "1000.00";
/// Commands in one transaction while the ledger is prepared.
const TOGETHER: usize = 4_096;
/// Claims expire so long after they were signed: nearly as long as the verifier allows.
const CLAIM_LIFE_MS: u64 = 118_000;

/// One visitor's spending key and what it has bought so far.
pub struct Visitor {
    spending: SigningKey,
    public: PublicKey,
    key: KeyRef,
    creator: usize,
    bought: usize,
    sequence: u64,
}

/// A ledger that is ready to be charged, and everybody who can pay.
pub struct World {
    /// The settings that the server is started with.
    pub settings: Vec<(String, String)>,
    /// The same settings, read.
    pub config: Config,
    /// The rules' share of them.
    pub policy: Policy,
    /// The provider's keys.
    pub secrets: Secrets,
    visitors: Vec<Visitor>,
    creators: Vec<(CreatorId, Vec<ItemHash>)>,
    origin: OriginHash,
    next: usize,
}

impl World {
    /// Opens a wallet for every visitor in a new ledger in `folder`.
    pub fn new(folder: &Path, ports: (u16, u16)) -> Result<Self, String> {
        let settings = settings(folder, ports);
        let config = Config::load(None, settings.clone()).map_err(|error| error.to_string())?;
        run::begin(&config)?;
        let secrets = run::open_data(&config)?;
        let policy = config.policy(secrets.verifier()).map_err(|error| error.to_string())?;
        let creators = (0..CREATORS).map(creator).collect();
        let origin = origin_hash(ORIGIN).map_err(|why| why.to_string())?;
        let visitors: Vec<Visitor> = (0..VISITORS).into_par_iter().map(visitor).collect();
        let mut world =
            Self { settings, config, policy, secrets, visitors, creators, origin, next: 0 };
        let mut writer = world.writer()?;
        world.prepare(&mut writer)?;
        Ok(world)
    }

    /// The ledger, opened for writing; only while no server runs on it.
    pub fn writer(&self) -> Result<Writer, String> {
        Ok(Writer::Sqlite(Box::new(run::open_ledger(&self.config, &self.secrets)?)))
    }

    /// The creator who has a quarter of the visitors.
    pub fn popular_creator(&self) -> CreatorId {
        self.creators.first().map_or(CreatorId([0; 16]), |(id, _)| *id)
    }

    fn prepare(&mut self, writer: &mut Writer) -> Result<(), String> {
        let now = Clock::System.now();
        let mut commands: Vec<Command> = Vec::new();
        for (at, (id, _)) in self.creators.iter().enumerate() {
            let sites = [ORIGIN.to_owned()];
            let name = format!("Creator {at}");
            let draft = farthing_verifier::admin::creator_draft(*id, &name, &sites, "10.00", None)
                .map_err(|(field, why)| format!("{field}: {why}"))?;
            commands.push(Command::SaveCreator(draft));
        }
        // Every creator publishes its first article, then every creator its second.
        for number in 0..ITEMS {
            commands.extend(self.creators.iter().filter_map(|(id, items)| {
                Some(Command::SetItem {
                    creator: *id,
                    hash: *items.get(number)?,
                    name: item_name(number),
                    title: format!("Article {number}"),
                    price: price(),
                    on_sale: true,
                })
            }));
        }
        apply(writer, &self.policy, &commands, now)?;
        let roots: Vec<SigningKey> =
            (0..self.visitors.len()).into_par_iter().map(|number| key(number, 1)).collect();
        let openings: Result<Vec<Command>, String> =
            roots.par_iter().map(|root| self.opening(root)).collect();
        apply(writer, &self.policy, &openings?, now)?;
        self.fund(writer, &roots, now)?;
        let allowances: Result<Vec<Command>, String> = self
            .visitors
            .par_iter()
            .zip(&roots)
            .map(|(visitor, root)| self.allowance(visitor, root, now))
            .collect();
        let answers = apply(writer, &self.policy, &allowances?, now)?;
        for (visitor, answer) in self.visitors.iter_mut().zip(answers) {
            match answer {
                Answer::Allowance(Ok(row)) => visitor.key = row.key,
                other => return Err(format!("an allowance was not taken: {other:?}")),
            }
        }
        // Visitors do not pay in the order in which they came: neighbours in time are strangers
        // in the ledger, and each claim touches pages of its own.
        let by_hash = |visitor: &Visitor| scatter(visitor.key.0);
        self.visitors.sort_by_key(by_hash);
        Ok(())
    }

    /// A voucher for everybody: money that was bought, as most is. Free credit would be credited to
    /// nobody, and its claims would not change the rows that others change.
    fn fund(
        &self,
        writer: &mut Writer,
        roots: &[SigningKey],
        now: UnixMillis,
    ) -> Result<(), String> {
        let amount = Micros::parse(FUNDS).map_err(|why| why.to_string())?;
        let expires_at = now.plus_ms(86_400_000);
        // As many at once as may be issued together.
        let issue = |some: &[SigningKey]| {
            let vouchers: Vec<VoucherHash> = some.iter().map(voucher).collect();
            Command::IssueVouchers { vouchers, amount, expires_at }
        };
        let issues: Vec<Command> = roots.chunks(1_000).map(issue).collect();
        for answer in apply(writer, &self.policy, &issues, now)? {
            if !matches!(answer, Answer::Saved(Ok(()))) {
                return Err(format!("vouchers were not issued: {answer:?}"));
            }
        }
        let top_ups: Vec<Command> = roots
            .iter()
            .map(|root| Command::TopUp { root: root.public(), voucher: voucher(root) })
            .collect();
        let answers = apply(writer, &self.policy, &top_ups, now)?;
        match answers.iter().find(|answer| !matches!(answer, Answer::TopUp(Ok(_)))) {
            None => Ok(()),
            Some(other) => Err(format!("a voucher was not taken: {other:?}")),
        }
    }

    fn opening(&self, root: &SigningKey) -> Result<Command, String> {
        let challenge = Challenge { issued_at: UnixMillis(0), bits: 0, mac: [0; 32] };
        let verifier = self.policy.verifier;
        let opening = Opening { verifier, root: root.public(), challenge, solution: 0 };
        let opening = opening.sign(root).verify().map_err(|why| why.to_string())?;
        Ok(Command::OpenWallet { opening, origin: None })
    }

    fn allowance(
        &self,
        visitor: &Visitor,
        root: &SigningKey,
        now: UnixMillis,
    ) -> Result<Command, String> {
        let (creator, _) = self.creators.get(visitor.creator).ok_or("a creator is missing")?;
        let terms = Allowance {
            verifier: self.policy.verifier,
            root: root.public(),
            key: visitor.public,
            creator: *creator,
            origin: self.origin,
            cap: Micros::parse("1000000").map_err(|why| why.to_string())?,
            per_claim_max: Micros::parse("1").map_err(|why| why.to_string())?,
            expires_at: now.plus_ms(86_400_000 * 30),
            serial: 1,
            grant: 1,
            device: 1,
            currency: self.policy.currency,
        };
        let allowance = terms.sign(root).verify().map_err(|why| why.to_string())?;
        Ok(Command::RegisterAllowance { allowance })
    }

    /// The next claims, signed on all cores: each wallet pays once before the first pays again.
    pub fn sign(&mut self, count: usize) -> Vec<SignedClaim> {
        let now = Clock::System.now();
        self.sign_at(count, now)
    }

    fn sign_at(&mut self, count: usize, now: UnixMillis) -> Vec<SignedClaim> {
        let mut claims = Vec::with_capacity(count);
        while claims.len() < count {
            let left = count.saturating_sub(claims.len());
            let end = self.next.saturating_add(left).min(self.visitors.len());
            let (policy, creators, origin) = (&self.policy, &self.creators, self.origin);
            let some = self.visitors.get_mut(self.next..end).unwrap_or_default();
            claims.par_extend(some.par_iter_mut().map(|visitor| {
                let (creator, items) = &creators[visitor.creator];
                visitor.sequence += 1;
                visitor.bought += 1;
                let claim = Claim {
                    verifier: policy.verifier,
                    key: visitor.public,
                    sequence: visitor.sequence,
                    creator: *creator,
                    item: items[visitor.bought % items.len()],
                    amount: price(),
                    currency: policy.currency,
                    kind: Kind::View,
                    origin,
                    expires_at: now.plus_ms(CLAIM_LIFE_MS),
                };
                claim.sign(&visitor.spending)
            }));
            self.next = if end >= self.visitors.len() { 0 } else { end };
        }
        claims
    }

    /// The next claims, checked as the intake checks them: what the ledger is asked to charge.
    pub fn checked(&mut self, count: usize, now: UnixMillis) -> Result<Vec<Command>, String> {
        let claims = self.sign_at(count, now);
        let keys: std::collections::HashMap<PublicKey, KeyRef> =
            self.visitors.iter().map(|visitor| (visitor.public, visitor.key)).collect();
        claims
            .into_par_iter()
            .map(|claim| {
                let public = claim.claim().key;
                let key = *keys.get(&public).ok_or("a key is missing")?;
                let verifying =
                    farthing_shared::VerifyingKey::new(&public).map_err(|why| why.to_string())?;
                let claim = claim.verify(&verifying).map_err(|why| why.to_string())?;
                Ok(Command::Claim { claim, key })
            })
            .collect()
    }

    /// Charges so many claims of the past thirty days, and releases what they held.
    pub fn grow_history(&mut self, entries: usize) -> Result<(), String> {
        const DAYS: usize = 30;
        let mut writer = self.writer()?;
        let today = Clock::System.now();
        for day in 0..DAYS {
            let back = u64::try_from(DAYS.saturating_sub(day)).unwrap_or(0);
            let now = UnixMillis(today.0.saturating_sub(back.saturating_mul(86_400_000)));
            let mut left = entries / DAYS;
            while left > 0 {
                let some = left.min(100_000);
                let commands = self.checked(some, now)?;
                let answers = apply(&mut writer, &self.policy, &commands, now)?;
                check_accepted(&answers)?;
                left -= some;
            }
            let due = now.plus_ms(self.policy.refund_window_ms).plus_ms(120_000);
            while let [Answer::Released(1..)] =
                apply(&mut writer, &self.policy, &[Command::ReleaseHolds], due)?.as_slice()
            {
            }
        }
        Ok(())
    }
}

/// Lets the ledger decide commands in large transactions.
pub fn apply(
    writer: &mut Writer,
    policy: &Policy,
    commands: &[Command],
    now: UnixMillis,
) -> Result<Vec<Answer>, String> {
    let mut answers = Vec::with_capacity(commands.len());
    for some in commands.chunks(TOGETHER) {
        answers.extend(writer.apply(policy, some, now).map_err(|error| error.to_string())?);
    }
    Ok(answers)
}

/// A figure of claims that were not charged would mean nothing.
pub fn check_accepted(answers: &[Answer]) -> Result<(), String> {
    let refused = answers.iter().find(|answer| match answer {
        Answer::Claim(answer) => !answer.outcome.is_charged() || answer.repeat,
        _ => true,
    });
    refused.map_or(Ok(()), |answer| Err(format!("the ledger did not charge a claim: {answer:?}")))
}

/// A number that looks unrelated to those of its neighbours (the finaliser of MurmurHash3).
pub fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

fn settings(folder: &Path, (public, metrics): (u16, u16)) -> Vec<(String, String)> {
    [
        ("DATA", folder.display().to_string()),
        ("LISTEN", format!("127.0.0.1:{public}")),
        ("METRICS_LISTEN", format!("127.0.0.1:{metrics}")),
        ("ORIGIN", format!("http://pay.localhost:{public}")),
        ("DEMO", "true".into()),
        ("LIMITS__REQUESTS_PER_PREFIX_PER_SECOND", "0".into()),
        ("LIMITS__CLAIMS_PER_KEY_PER_MINUTE", "1000000".into()),
        ("LOG__FILTER", "warn".into()),
    ]
    .into_iter()
    .map(|(name, value)| (format!("FARTHING_{name}"), value))
    .collect()
}

fn visitor(number: usize) -> Visitor {
    let spending = key(number, 2);
    let public = spending.public();
    let creator = if number.is_multiple_of(4) { 0 } else { number % CREATORS };
    Visitor { spending, public, key: KeyRef(0), creator, bought: 0, sequence: 0 }
}

fn key(number: usize, purpose: u8) -> SigningKey {
    let mut seed = [purpose; 32];
    seed[..8].copy_from_slice(&number.to_be_bytes());
    SigningKey::from_seed(&seed)
}

/// Stands for the hash of a code that nobody needs to know.
fn voucher(root: &SigningKey) -> VoucherHash {
    VoucherHash(root.public().0)
}

fn creator(number: usize) -> (CreatorId, Vec<ItemHash>) {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let id = CreatorId(id);
    let hash = |number| item_hash(&id, &item_name(number)).expect("a plain name is canonical");
    (id, (0..ITEMS).map(hash).collect())
}

fn item_name(number: usize) -> String {
    format!("articles/{number}")
}

fn price() -> Micros {
    Micros::parse(PRICE).expect("a constant decimal")
}
