//! Findings as tests make them: a wallet accused of paying a creator, without a detector.

use farthing_rules::findings::{
    Act, FindingDraft, FindingRef, FindingRow, Role, Standing, Subject, SubjectKind,
};
use farthing_rules::{Answer, Command, CreatorRef, EntryNumber, FindingId, WalletRef};
use farthing_shared::Micros;
use farthing_verifier::findings::identity;

use crate::ledger::Ledger;

/// A draft that accuses a wallet of paying a creator; `mark` makes it another one.
#[must_use]
pub fn draft(wallet: u64, creator: u64, mark: u64, accuse: bool) -> FindingDraft {
    let draft = FindingDraft {
        id: FindingId([0; 24]),
        subject: Subject { kind: SubjectKind::Wallet, number: wallet },
        role: Role::Steered,
        kind: "group".into(),
        rule: "test@1".into(),
        score_ppm: 900_000,
        error_ppm: 310,
        accuse,
        creator: CreatorRef(creator),
        at: crate::ledger::START,
        horizon: EntryNumber(u64::from(u32::MAX)),
        entries: vec![EntryNumber(1)],
        observations: vec![1],
        explanation: format!("w{wallet} looks steered ({mark})"),
    };
    FindingDraft { id: identity(&draft), ..draft }
}

impl Ledger {
    /// Records a finding; gives its number.
    pub fn find(&mut self, draft: FindingDraft) -> FindingRef {
        match &self.apply(&[Command::RecordFindings(vec![draft])])[..] {
            [Answer::Recorded(rows)] => rows[0].0,
            other => panic!("another answer: {other:?}"),
        }
    }

    /// Holds claims; gives how many and how much.
    pub fn hold(&mut self, finding: FindingRef, claims: &[EntryNumber]) -> (u64, Micros) {
        let command = Command::HoldClaims { finding, claims: claims.to_vec() };
        match self.apply(&[command])[..] {
            [Answer::Held { claims, amount }] => (claims, amount),
            ref other => panic!("another answer: {other:?}"),
        }
    }

    /// Decides a finding and moves its money; gives how many claims that were, or `None` when the
    /// decision was refused.
    pub fn decide(&mut self, finding: FindingRef, act: Act) -> Option<u64> {
        let (who, why) = ("Ada".into(), "looked at it".into());
        let answers = self.apply(&[Command::Review { finding, act, who, why }]);
        let [Answer::Reviewed(reviewed)] = &answers[..] else { panic!("{answers:?}") };
        reviewed.ok()?;
        match self.apply(&[Command::SettleFinding { finding }])[..] {
            [Answer::Settled(Ok((settled, 0)))] => Some(settled),
            ref other => panic!("another answer: {other:?}"),
        }
    }

    /// Lets a wallet pay, or not.
    pub fn stand(&mut self, wallet: WalletRef, standing: Standing) {
        let (who, why) = ("Ada".into(), "looked at it".into());
        let answers = self.apply(&[Command::SetStanding { wallet, standing, who, why }]);
        assert_eq!(answers, [Answer::Reviewed(Ok(()))]);
    }

    /// A finding as it stands.
    #[must_use]
    pub fn finding(&self, finding: FindingRef) -> FindingRow {
        let all = self.writer.snapshot().expect("a store without faults can be read");
        all.findings.get(&finding).expect("the finding was recorded").clone()
    }

    /// Payable, held and under review of the first creator.
    #[must_use]
    pub fn shares(&self) -> [String; 3] {
        let all = self.writer.snapshot().expect("a store without faults can be read");
        let row = all.creators[&CreatorRef(1)];
        [row.payable, row.held, row.review].map(Micros::to_decimal)
    }
}
