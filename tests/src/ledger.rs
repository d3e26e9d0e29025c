//! A ledger for tests below HTTP: a store with one creator, its items, and visitors with money.

use farthing_rules::command::CreatorDraft;
use farthing_rules::commit::{BackupRefusal, BudgetRefusal, PermissionRefusal, RotationRefusal};
use farthing_rules::rows::{BudgetRow, PermissionRow, WalletRow};
use farthing_rules::{Answer, ClaimAnswer, Command, KeyRef, Policy, RefundAnswer, VoucherHash};
use farthing_shared::{
    Backup, Budget, Claim, CreatorId, Micros, Outcome, Permission, Refund, Rotation, SignedRefund,
    SigningKey, UnixMillis, Verified, VerifierId, item_hash, origin_hash,
};
use farthing_verifier::store::sqlite::{Durability, Pace, SqliteWriter};
use farthing_verifier::store::{StoreError, Writer};

use crate::actors::{ORIGIN, Visitor, eur, micros};

/// The verifier of tests below HTTP.
pub const VERIFIER: VerifierId = VerifierId([0xfe; 32]);
/// The creator that owns the items `essay` (0.05) and `film` (0.50).
pub const CREATOR: CreatorId = CreatorId([0xc1; 16]);
/// A creator without items, on another site.
pub const OTHER: CreatorId = CreatorId([0xc2; 16]);
/// When tests begin: 2026-11-23T00:00:00Z.
pub const START: UnixMillis = UnixMillis(1_795_392_000_000);

/// A store and the time.
#[derive(Debug)]
pub struct Ledger {
    /// The store.
    pub writer: Writer,
    /// The provider's choices.
    pub policy: Policy,
    /// The time.
    pub now: UnixMillis,
    /// Whether the time was set back.
    pub went_back: bool,
    vouchers: u8,
}

/// The policy of tests: no fee, a refund window of 15 minutes, no welcome.
#[must_use]
pub fn policy() -> Policy {
    Policy {
        verifier: VERIFIER,
        currency: eur(),
        provider_origin: origin_hash("https://pay.example").expect("a constant origin"),
        fee_ppm: 0,
        refund_window_ms: 900_000,
        welcome: Micros::ZERO,
        claims_per_key_per_minute: 60,
        claims_per_slowed_key_per_minute: 2,
    }
}

/// A creator with one site, as tests register it.
#[must_use]
pub fn draft_of(id: CreatorId, site: &str) -> CreatorDraft {
    CreatorDraft {
        id,
        name: "A creator".into(),
        sites: vec![site.into()],
        threshold: micros("10.00"),
        offer_key: None,
        refund_window_ms: None,
        month_max: None,
        revoke_links: false,
    }
}

/// A checked refund request.
#[must_use]
pub fn asked(request: &Refund, key: &SigningKey) -> Verified<SignedRefund> {
    request.sign(key).verify().expect("it was just signed by the key it names")
}

/// Makes an empty store.
pub type Make<'a> = &'a mut dyn FnMut() -> Writer;

/// Runs a check on the model and on SQLite, also with hardly any row in memory, and with rows folded into the
/// tables all the time.
///
/// # Panics
/// When no folder or ledger can be made.
pub fn on_each_store(check: fn(Make<'_>)) {
    check(&mut || Writer::Memory(Box::default()));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut count = 0;
    let mut sqlite = |set_up: fn(&mut SqliteWriter)| {
        count += 1;
        let path = folder.path().join(format!("ledger-{count}.db"));
        let mut writer =
            SqliteWriter::open(&path, Durability::Full).expect("an empty ledger opens");
        set_up(&mut writer);
        Writer::Sqlite(Box::new(writer))
    };
    check(&mut || sqlite(|_| {}));
    check(&mut || sqlite(|writer| writer.keep_rows(1)));
    check(&mut || sqlite(|writer| writer.fold_at(Pace { begin: 1, step: 1, each: 1 })));
}

impl Ledger {
    /// A ledger with the two creators.
    #[must_use]
    pub fn new(writer: Writer) -> Self {
        Self::with_policy(writer, policy())
    }

    /// The same under another policy.
    #[must_use]
    pub fn with_policy(writer: Writer, policy: Policy) -> Self {
        let mut ledger = Self { writer, policy, now: START, went_back: false, vouchers: 0 };
        for (id, site) in [(CREATOR, ORIGIN), (OTHER, "https://other.example")] {
            ledger.save(Command::SaveCreator(draft_of(id, site)));
        }
        ledger.price("essay", "0.05");
        ledger.price("film", "0.50");
        ledger
    }

    /// Applies commands, which must give answers.
    pub fn apply(&mut self, commands: &[Command]) -> Vec<Answer> {
        self.try_apply(commands).expect("a store without faults applies")
    }

    /// Applies commands.
    ///
    /// # Errors
    /// What the store says.
    pub fn try_apply(&mut self, commands: &[Command]) -> Result<Vec<Answer>, StoreError> {
        self.writer.apply(&self.policy, commands, self.now)
    }

    /// Saves something, which must be possible.
    pub fn save(&mut self, command: Command) {
        let answers = self.apply(&[command]);
        assert_eq!(answers, [Answer::Saved(Ok(()))]);
    }

    /// Sets what [`CREATOR`] takes from one wallet in a month at most.
    pub fn ceiling(&mut self, most: Option<&str>) {
        let month_max = most.map(micros);
        self.save(Command::SaveCreator(CreatorDraft { month_max, ..draft_of(CREATOR, ORIGIN) }));
    }

    /// Sets a price of [`CREATOR`].
    pub fn price(&mut self, name: &str, price: &str) {
        let hash = item_hash(&CREATOR, name).expect("a canonical name in a test");
        self.save(Command::SetItem {
            creator: CREATOR,
            hash,
            name: name.into(),
            title: name.into(),
            price: micros(price),
            on_sale: true,
        });
    }

    /// Opens a visitor's wallet.
    pub fn open(&mut self, visitor: &Visitor) {
        let answers =
            self.apply(&[Command::OpenWallet { opening: visitor.checked_opening(), origin: None }]);
        assert!(matches!(answers[..], [Answer::Wallet { opened: true, .. }]), "{answers:?}");
    }

    /// Puts money into a visitor's wallet by a voucher of its own.
    pub fn top_up(&mut self, visitor: &Visitor, amount: &str) {
        self.vouchers += 1;
        let voucher = VoucherHash([self.vouchers; 32]);
        let expires_at = self.now.plus_ms(1_000);
        self.save(Command::IssueVouchers {
            vouchers: vec![voucher],
            amount: micros(amount),
            expires_at,
        });
        let answers = self.apply(&[Command::TopUp { root: visitor.root_key(), voucher }]);
        assert!(matches!(answers[..], [Answer::TopUp(Ok(_))]), "{answers:?}");
    }

    /// Registers the visitor's usual allowance for [`CREATOR`]; gives the key's number.
    pub fn allow(&mut self, visitor: &Visitor) -> KeyRef {
        let terms = visitor.terms(CREATOR, self.now.plus_ms(30 * 86_400_000));
        let allowance = visitor.checked_allowance(&terms);
        match &self.apply(&[Command::RegisterAllowance { allowance }])[..] {
            [Answer::Allowance(Ok(row))] => row.key,
            other => panic!("the allowance was refused: {other:?}"),
        }
    }

    /// A visitor with an open wallet, so much money, and the usual allowance.
    pub fn visitor(&mut self, number: u64, money: &str) -> (Visitor, KeyRef) {
        let visitor = Visitor::new(number, VERIFIER);
        self.open(&visitor);
        if money != "0" {
            self.top_up(&visitor, money);
        }
        let key = self.allow(&visitor);
        (visitor, key)
    }

    /// Charges one claim.
    pub fn charge(&mut self, visitor: &Visitor, key: KeyRef, claim: &Claim) -> ClaimAnswer {
        let command = Command::Claim { claim: visitor.checked(claim), key };
        match self.apply(&[command])[..] {
            [Answer::Claim(answer)] => answer,
            ref other => panic!("another answer: {other:?}"),
        }
    }

    /// Charges one claim and gives its outcome.
    pub fn outcome(&mut self, visitor: &Visitor, key: KeyRef, claim: &Claim) -> Outcome {
        self.charge(visitor, key, claim).outcome
    }

    /// Sets a budget, signed by the visitor's root key.
    pub fn set_budget(
        &mut self,
        visitor: &Visitor,
        budget: &Budget,
    ) -> Result<BudgetRow, BudgetRefusal> {
        let budget = budget.sign(&visitor.root).verify().expect("it was just signed");
        match self.apply(&[Command::SetBudget { budget }])[..] {
            [Answer::Budget(answer)] => answer,
            ref other => panic!("another answer: {other:?}"),
        }
    }

    /// Sets a permission, signed by the visitor's root key.
    pub fn permit(
        &mut self,
        visitor: &Visitor,
        permission: &Permission,
    ) -> Result<PermissionRow, PermissionRefusal> {
        let permission = permission.sign(&visitor.root).verify().expect("it was just signed");
        match &self.apply(&[Command::SetPermission { permission }])[..] {
            [Answer::Permission(answer)] => answer.clone(),
            other => panic!("another answer: {other:?}"),
        }
    }

    /// Charges one claim that nobody clicked for, and gives its outcome.
    pub fn automatic(&mut self, visitor: &Visitor, key: KeyRef, claim: &Claim) -> Outcome {
        let command = Command::AutomaticClaim { claim: visitor.checked(claim), key };
        match self.apply(&[command])[..] {
            [Answer::Claim(answer)] => answer.outcome,
            ref other => panic!("another answer: {other:?}"),
        }
    }

    /// Puts another root key in the place of the one that signs.
    pub fn rotate(
        &mut self,
        rotation: &Rotation,
        root: &SigningKey,
    ) -> Result<WalletRow, RotationRefusal> {
        let rotation = rotation.sign(root).verify().expect("it was just signed by both");
        match self.apply(&[Command::Rotate { rotation }])[..] {
            [Answer::Rotated(answer)] => answer,
            ref other => panic!("another answer: {other:?}"),
        }
    }

    /// Keeps a backup, signed by the visitor's root key.
    pub fn keep(&mut self, visitor: &Visitor, backup: &Backup) -> Result<(), BackupRefusal> {
        let backup = backup.sign(&visitor.root).verify().expect("it was just signed");
        match self.apply(&[Command::KeepBackup { backup }])[..] {
            [Answer::Kept(answer)] => answer,
            ref other => panic!("another answer: {other:?}"),
        }
    }

    /// Asks for a refund with a key.
    pub fn refund(&mut self, request: &Refund, key: &SigningKey) -> RefundAnswer {
        match self.apply(&[Command::Refund { refund: asked(request, key) }])[..] {
            [Answer::Refund(answer)] => answer,
            ref other => panic!("another answer: {other:?}"),
        }
    }

    /// A visitor's balance.
    #[must_use]
    pub fn balance(&self, visitor: &Visitor) -> Micros {
        let all = self.writer.snapshot().expect("a store without faults can be read");
        let row = all.wallets.values().find(|row| row.root == visitor.root_key());
        row.map_or(Micros::ZERO, |row| row.balance)
    }

    /// Requires that the audit finds nothing.
    pub fn assert_sound(&self) {
        let all = self.writer.snapshot().expect("a store without faults can be read");
        let report = farthing_verifier::audit::audit(&all);
        // What a root key signed and when it was replaced are compared by the clock: once that was set back, an honest request
        // can look as if it came too late.
        let told = |line: &&String| !(self.went_back && line.contains("is signed by a stranger"));
        assert_eq!(
            report.differences.iter().filter(told).collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        // What a creator's page calls returned is what is missing of the total.
        for row in all.creators.values() {
            let holds = all.claim_holds.values();
            let of_it = holds.filter(|hold| hold.creator == row.creator && hold.returned);
            let parts = [row.payable, row.held, row.review, row.refunded].into_iter();
            let sum: u64 = parts.chain(of_it.map(|hold| hold.amount)).map(Micros::get).sum();
            assert_eq!(sum, row.total.get(), "{row:?}");
        }
    }
}
