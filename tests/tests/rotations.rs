//! Rotations, asked of each store in the same words: another root key takes the place of a wallet's present
//! one. What the old one allowed has ended, what the wallet has stays.
#![allow(clippy::unwrap_used, reason = "tests")]

use farthing_rules::commit::{
    AllowanceRefusal, BackupRefusal, BudgetRefusal, RotationRefusal, TopUpRefusal,
};
use farthing_rules::{Answer, Command, KeyRef, VoucherHash};
use farthing_shared::{
    Allowance, Backup, Outcome, Refund, RefundOutcome, Rotation, SigningKey, VerifierId, limits,
};
use farthing_tests::actors::{Visitor, micros, seed};
use farthing_tests::ledger::{CREATOR, Ledger, VERIFIER, asked};
use farthing_verifier::audit::audit;
use farthing_verifier::store::Writer;
use farthing_verifier::store::sqlite::{Durability, Pace, SqliteWriter};

type Make<'a> = &'a mut dyn FnMut() -> Writer;

fn on_each_store(check: fn(Make<'_>)) {
    check(&mut || Writer::Memory(Box::default()));
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    let mut sqlite = |set_up: fn(&mut SqliteWriter)| {
        count += 1;
        let path = folder.path().join(format!("ledger-{count}.db"));
        let mut writer = SqliteWriter::open(&path, Durability::Full).unwrap();
        set_up(&mut writer);
        Writer::Sqlite(Box::new(writer))
    };
    check(&mut || sqlite(|_| {}));
    // With hardly any row in memory, and with rows folded into the tables all the time.
    check(&mut || sqlite(|writer| writer.keep_rows(1)));
    check(&mut || sqlite(|writer| writer.fold_at(Pace { begin: 1, step: 1, each: 1 })));
}

/// A root key that no visitor begins with.
fn fresh(number: u64) -> SigningKey {
    SigningKey::from_seed(&seed(number, 77))
}

/// The visitor under another root key, with a spending key of its own.
fn anew(number: u64, root: u64) -> Visitor {
    let spending = SigningKey::from_seed(&seed(number, 78));
    Visitor { root: fresh(root), spending, ..Visitor::new(number, VERIFIER) }
}

fn give(ledger: &mut Ledger, visitor: &mut Visitor, key: KeyRef, amount: &str) -> Outcome {
    let claim = visitor.donation(CREATOR, amount, ledger.now);
    ledger.outcome(visitor, key, &claim)
}

fn register(
    ledger: &mut Ledger,
    visitor: &Visitor,
    terms: &Allowance,
) -> Result<KeyRef, AllowanceRefusal> {
    let allowance = visitor.checked_allowance(terms);
    match &ledger.apply(&[Command::RegisterAllowance { allowance }])[..] {
        [Answer::Allowance(answer)] => answer.clone().map(|row| row.key),
        other => panic!("another answer: {other:?}"),
    }
}

#[test]
fn the_old_key_ends_and_the_wallet_stays() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut old, key) = ledger.visitor(1, "1.00");
        let essay = old.view(CREATOR, "essay", "0.05", ledger.now);
        let paid = ledger.charge(&old, key, &essay);
        assert_eq!(paid.outcome, Outcome::Accepted);
        let rotation = old.rotation(&fresh(1), ledger.now);
        let row = ledger.rotate(&rotation, &old.root).unwrap();
        assert_eq!((row.root, row.generation, row.balance), (fresh(1).public(), 1, micros("0.95")));
        ledger.assert_sound();

        // Nothing that the old device has pays, gives, tops up or takes back any more.
        assert_eq!(give(&mut ledger, &mut old, key, "0.01"), Outcome::KeyRevoked);
        let film = old.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.outcome(&old, key, &film), Outcome::KeyRevoked);
        let terms = old.terms(CREATOR, ledger.now.plus_ms(86_400_000));
        let newer = Allowance { serial: 9, ..terms };
        assert_eq!(register(&mut ledger, &old, &newer), Err(AllowanceRefusal::UnknownWallet));
        let budget = old.budget(1, ledger.now);
        assert_eq!(ledger.set_budget(&old, &budget), Err(BudgetRefusal::UnknownWallet));
        let top_up = Command::TopUp { root: old.root_key(), voucher: VoucherHash([1; 32]) };
        assert_eq!(ledger.apply(&[top_up]), [Answer::TopUp(Err(TopUpRefusal::UnknownWallet))]);
        let entry = paid.receipt.unwrap().entry.0;
        for key in [&old.root, &old.spending] {
            let request = old.refund(&essay, entry, ledger.now);
            let request = Refund { signer: key.public(), ..request };
            assert_eq!(ledger.refund(&request, key).outcome, RefundOutcome::NotYours);
        }
        // Nor does it begin anew under the key that was taken away.
        let again = Command::OpenWallet { opening: old.checked_opening(), origin: None };
        assert_eq!(ledger.apply(&[again]), [Answer::Replaced]);
        ledger.assert_sound();

        // The wallet is what it was, under its new key: owned, numbered, and refundable.
        let mut new = anew(1, 1);
        let key = register(&mut ledger, &new, &new.terms(CREATOR, terms.expires_at)).unwrap();
        let essay_again = new.view(CREATOR, "essay", "0.05", ledger.now);
        assert_eq!(ledger.outcome(&new, key, &essay_again), Outcome::AlreadyOwned);
        assert_eq!(give(&mut ledger, &mut new, key, "0.01"), Outcome::Accepted);
        ledger.set_budget(&new, &new.budget(1, ledger.now)).unwrap();
        let request = Refund { signer: fresh(1).public(), ..old.refund(&essay, entry, ledger.now) };
        assert_eq!(ledger.refund(&request, &fresh(1)).outcome, RefundOutcome::Refunded);
        assert_eq!(ledger.balance(&new), micros("0.99"));
        ledger.assert_sound();
    });
}

/// A refund that was granted is answered again after its key has ended: the answer may have been lost.
#[test]
fn a_refund_is_answered_again_after_its_key_has_ended() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut old, key) = ledger.visitor(1, "1.00");
        let same = Visitor::new(1, VERIFIER);
        let asked = [&same.root, &same.spending].map(|signer| {
            let gift = old.donation(CREATOR, "0.05", ledger.now);
            let entry = ledger.charge(&old, key, &gift).receipt.unwrap().entry.0;
            let by_spending = old.refund(&gift, entry, ledger.now);
            let request = Refund { signer: signer.public(), ..by_spending };
            assert_eq!(ledger.refund(&request, signer).outcome, RefundOutcome::Refunded);
            (request, signer)
        });
        let rotation = old.rotation(&fresh(1), ledger.now);
        ledger.rotate(&rotation, &old.root).unwrap();
        for (request, signer) in asked {
            let again = ledger.refund(&request, signer);
            assert_eq!((again.outcome, again.repeat), (RefundOutcome::Refunded, true));
            // Other bytes of a key that ended hear nothing.
            let other = Refund { asked_at: ledger.now.plus_ms(1), ..request };
            assert_eq!(ledger.refund(&other, signer).outcome, RefundOutcome::NotYours);
        }
        ledger.assert_sound();
    });
}

#[test]
fn each_refusal_has_its_row() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (ada, _) = ledger.visitor(1, "1.00");
        let (bob, _) = ledger.visitor(2, "0");
        let carol = Visitor::new(3, VERIFIER);
        let now = ledger.now;
        let late = now.plus_ms(limits::ROTATION_LIFE_MS + 1);
        let early = farthing_shared::UnixMillis(now.0 - limits::ROTATION_LIFE_MS - 1);
        let other = Visitor { verifier: VerifierId([3; 32]), ..Visitor::new(1, VERIFIER) };
        for (rotation, who, refusal) in [
            (other.rotation(&fresh(1), now), &ada, RotationRefusal::WrongVerifier),
            (carol.rotation(&fresh(1), now), &carol, RotationRefusal::UnknownWallet),
            (ada.rotation(&bob.root, now), &ada, RotationRefusal::KeyTaken),
            (ada.rotation(&bob.spending, now), &ada, RotationRefusal::KeyTaken),
            (ada.rotation(&ada.spending, now), &ada, RotationRefusal::KeyTaken),
            (ada.rotation(&fresh(1), late), &ada, RotationRefusal::Expired),
            (ada.rotation(&fresh(1), early), &ada, RotationRefusal::Expired),
        ] {
            assert_eq!(ledger.rotate(&rotation, &who.root), Err(refusal), "{rotation:?}");
        }
        let first = ada.rotation(&fresh(1), now);
        let row = ledger.rotate(&first, &ada.root).unwrap();
        // The same again is answered as at first, however late; the old key does nothing else.
        ledger.now = now.plus_ms(86_400_000);
        assert_eq!(ledger.rotate(&first, &ada.root), Ok(row));
        let again = ada.rotation(&fresh(2), ledger.now);
        assert_eq!(ledger.rotate(&again, &ada.root), Err(RotationRefusal::Replaced));
        // A root key that ended comes back nowhere.
        for (rotation, root) in [
            (Rotation::to(&ada.root, VERIFIER, fresh(1).public(), ledger.now), fresh(1)),
            (bob.rotation(&ada.root, ledger.now), SigningKey::from_seed(&seed(2, 1))),
        ] {
            assert_eq!(ledger.rotate(&rotation, &root), Err(RotationRefusal::KeyTaken));
        }
        // The next one goes on from there, and the first is still answered as done.
        let second = Rotation::to(&fresh(2), VERIFIER, fresh(1).public(), ledger.now);
        let row = ledger.rotate(&second, &fresh(1)).unwrap();
        assert_eq!((row.root, row.generation), (fresh(2).public(), 2));
        assert_eq!(ledger.rotate(&first, &ada.root), Ok(row));
        ledger.assert_sound();
    });
}

/// Whoever had the old key could sign any serial and spend any grant: the new one begins anew.
#[test]
fn what_the_old_key_signed_binds_the_new_one_to_nothing() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut old, key) = ledger.visitor(1, "5.00");
        let until = ledger.now.plus_ms(86_400_000);
        let serial = 1 + limits::SERIAL_STEP_MAX;
        let greedy = Allowance { serial, grant: 2, ..old.terms(CREATOR, until) };
        assert_eq!(register(&mut ledger, &old, &greedy), Ok(key));
        assert_eq!(give(&mut ledger, &mut old, key, "0.50"), Outcome::Accepted);
        let rotation = old.rotation(&fresh(1), ledger.now);
        ledger.rotate(&rotation, &old.root).unwrap();
        let mut new = anew(1, 1);
        let terms = Allowance { cap: micros("0.50"), grant: 2, ..new.terms(CREATOR, until) };
        let key = register(&mut ledger, &new, &terms).unwrap();
        assert_eq!(give(&mut ledger, &mut new, key, "0.50"), Outcome::Accepted);
        assert_eq!(give(&mut ledger, &mut new, key, "0.01"), Outcome::OverCap);
        ledger.assert_sound();
    });
}

/// Else the frames of the browser that stays would keep keys for which no serial is left.
#[test]
fn nobody_uses_up_the_serials_of_a_key() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut ada, key) = ledger.visitor(1, "1.00");
        let until = ledger.now.plus_ms(86_400_000);
        let step = limits::SERIAL_STEP_MAX;
        let new_key = anew(1, 1);
        let first = Visitor { spending: new_key.spending, ..Visitor::new(1, VERIFIER) };
        for (who, serial, device, answer) in [
            (&ada, i64::MAX.cast_unsigned(), 1, Err(AllowanceRefusal::SerialTooHigh)),
            (&ada, 2 + step, 1, Err(AllowanceRefusal::SerialTooHigh)),
            (&ada, 1 + step, 1, Ok(key)),
            (&first, 1 + step, 2, Err(AllowanceRefusal::SerialTooHigh)),
            (&first, step, 2, Ok(KeyRef(key.0 + 1))),
        ] {
            let terms = Allowance { serial, device, ..who.terms(CREATOR, until) };
            assert_eq!(register(&mut ledger, who, &terms), answer, "{serial} {device}");
        }
        let rotation = ada.rotation(&fresh(1), ledger.now);
        ledger.rotate(&rotation, &ada.root).unwrap();
        ada.root = fresh(1);
        let terms = Allowance { serial: 2 + step, ..ada.terms(CREATOR, until) };
        assert_eq!(register(&mut ledger, &ada, &terms), Ok(key));
        assert_eq!(give(&mut ledger, &mut ada, key, "0.01"), Outcome::Accepted);
        ledger.assert_sound();
    });
}

/// The browser that cuts the others off still has its frames, each with its old spending key.
#[test]
fn a_spending_key_goes_on_once_the_new_key_says_so() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut ada, key) = ledger.visitor(1, "1.00");
        assert_eq!(give(&mut ledger, &mut ada, key, "0.01"), Outcome::Accepted);
        let rotation = ada.rotation(&fresh(1), ledger.now);
        ledger.rotate(&rotation, &ada.root).unwrap();
        ada.root = fresh(1);
        let until = ledger.now.plus_ms(30 * 86_400_000);
        // The very terms of before, under the new key: not the same allowance.
        let terms = ada.terms(CREATOR, until);
        assert_eq!(register(&mut ledger, &ada, &terms), Err(AllowanceRefusal::Superseded));
        let terms = Allowance { serial: 2, grant: 2, ..terms };
        assert_eq!(register(&mut ledger, &ada, &terms), Ok(key));
        assert_eq!(register(&mut ledger, &ada, &terms), Ok(key), "the same again");
        assert_eq!(give(&mut ledger, &mut ada, key, "0.01"), Outcome::Accepted);
        ledger.assert_sound();
    });
}

#[test]
fn within_one_batch_nothing_of_the_old_key_is_charged_after_it() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (mut old, key) = ledger.visitor(1, "1.00");
        let until = ledger.now.plus_ms(86_400_000);
        let claim = old.donation(CREATOR, "0.01", ledger.now);
        let new = anew(1, 1);
        let rotation = old.rotation(&fresh(1), ledger.now).sign(&old.root).verify().unwrap();
        let opening = new.checked_opening();
        let answers = ledger.apply(&[
            Command::Claim { claim: old.checked(&claim), key },
            Command::Rotate { rotation: rotation.clone() },
            Command::Rotate { rotation },
            Command::OpenWallet { opening, origin: None },
            Command::RegisterAllowance {
                allowance: new.checked_allowance(&new.terms(CREATOR, until)),
            },
            Command::RegisterAllowance {
                allowance: old
                    .checked_allowance(&Allowance { serial: 2, ..old.terms(CREATOR, until) }),
            },
        ]);
        assert!(matches!(&answers[0], Answer::Claim(a) if a.outcome == Outcome::KeyRevoked));
        assert!(matches!(&answers[1], Answer::Rotated(Ok(_))));
        assert_eq!(answers[1], answers[2]);
        assert!(matches!(&answers[3], Answer::Wallet { opened: false, .. }), "{answers:?}");
        for answer in &answers[4..] {
            assert_eq!(*answer, Answer::Allowance(Err(AllowanceRefusal::UnknownWallet)));
        }
        ledger.assert_sound();
        assert!(register(&mut ledger, &new, &new.terms(CREATOR, until)).is_ok());
        ledger.assert_sound();
    });
}

#[test]
fn a_wallet_is_rotated_a_thousand_times_and_no_more() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (ada, _) = ledger.visitor(1, "0");
        let most = u64::from(limits::ROTATIONS_PER_WALLET_MAX);
        let mut root = SigningKey::from_seed(&seed(1, 1));
        let mut batch = Vec::new();
        for number in 0..=most {
            let next = fresh(1_000 + number);
            let rotation = Rotation::to(&next, VERIFIER, root.public(), ledger.now);
            batch.push(rotation.sign(&root).verify().unwrap());
            root = next;
        }
        for (number, rotation) in batch.into_iter().enumerate() {
            let answers = ledger.apply(&[Command::Rotate { rotation }]);
            let [Answer::Rotated(answer)] = answers[..] else { panic!("{answers:?}") };
            let expected =
                if number as u64 == most { Err(RotationRefusal::TooMany) } else { Ok(()) };
            assert_eq!(answer.map(|_| ()), expected, "{number}");
        }
        assert_eq!(ledger.balance(&ada), micros("0"));
        ledger.assert_sound();
    });
}

/// What a passkey sealed is kept for one wallet, bounded, and gone with the key that it holds.
#[test]
fn backups_are_kept_replaced_and_end_with_their_key() {
    on_each_store(|make| {
        let mut ledger = Ledger::new(make());
        let (ada, _) = ledger.visitor(1, "0");
        let (bob, _) = ledger.visitor(2, "0");
        let carol = Visitor::new(3, VERIFIER);
        let now = ledger.now;
        let first = ada.backup(1, now);
        let late = now.plus_ms(limits::BACKUP_LIFE_MS + 1);
        for (who, backup, answer) in [
            (
                &ada,
                Backup { verifier: VerifierId([3; 32]), ..first },
                Err(BackupRefusal::WrongVerifier),
            ),
            (&carol, carol.backup(1, now), Err(BackupRefusal::UnknownWallet)),
            (&ada, Backup { at: late, ..first }, Err(BackupRefusal::Expired)),
            (&ada, first, Ok(())),
            (&ada, first, Ok(())),
            (&bob, bob.backup(1, now), Err(BackupRefusal::NameTaken)),
            (&ada, Backup { sealed: [9; 60], at: now.plus_ms(1), ..first }, Ok(())),
            (&ada, first, Err(BackupRefusal::Superseded)),
        ] {
            assert_eq!(ledger.keep(who, &backup), answer, "{backup:?}");
        }
        let kept = |ledger: &Ledger| ledger.writer.snapshot().unwrap().backups;
        assert_eq!(kept(&ledger).values().next().unwrap()[120..180], [9; 60]);
        for name in 2..=8 {
            assert_eq!(ledger.keep(&ada, &ada.backup(name, now)), Ok(()), "{name}");
        }
        assert_eq!(ledger.keep(&ada, &ada.backup(9, now)), Err(BackupRefusal::TooMany));
        assert_eq!(ledger.keep(&bob, &bob.backup(9, now)), Ok(()));
        ledger.assert_sound();
        // In one batch with the rotation, before it or after, nothing of the old key is kept.
        let signed = |name| ada.backup(name, now.plus_ms(2)).sign(&ada.root).verify().unwrap();
        let rotation = ada.rotation(&fresh(1), now).sign(&ada.root).verify().unwrap();
        let answers = ledger.apply(&[
            Command::KeepBackup { backup: signed(2) },
            Command::Rotate { rotation },
            Command::KeepBackup { backup: signed(3) },
        ]);
        assert_eq!(answers[0], Answer::Kept(Ok(())));
        assert_eq!(answers[2], Answer::Kept(Err(BackupRefusal::UnknownWallet)));
        assert_eq!(kept(&ledger).len(), 1, "the other wallet's stays");
        ledger.assert_sound();
        // The same passkey keeps the new key under the same name.
        let new = anew(1, 1);
        assert_eq!(ledger.keep(&new, &new.backup(1, now)), Ok(()));
        ledger.assert_sound();
    });
}

/// The rows of a rotated wallet and of its keys are held back like all others: a copy of the files, taken at
/// any moment, opens with them.
#[test]
fn a_copy_of_the_files_opens_with_the_new_key_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let writer = SqliteWriter::open(&folder.path().join("ledger.db"), Durability::Full).unwrap();
    let mut ledger = Ledger::new(Writer::Sqlite(Box::new(writer)));
    let (mut old, key) = ledger.visitor(1, "1.00");
    let mut new = anew(1, 1);
    let until = ledger.now.plus_ms(86_400_000);
    for moment in 0..5 {
        let now = ledger.now;
        match moment {
            0 => assert_eq!(give(&mut ledger, &mut old, key, "0.01"), Outcome::Accepted),
            1 => assert!(ledger.rotate(&old.rotation(&fresh(1), now), &old.root).is_ok()),
            2 => assert_eq!(give(&mut ledger, &mut old, key, "0.01"), Outcome::KeyRevoked),
            3 => assert!(register(&mut ledger, &new, &new.terms(CREATOR, until)).is_ok()),
            _ => {
                let key = KeyRef(key.0 + 1);
                assert_eq!(give(&mut ledger, &mut new, key, "0.01"), Outcome::Accepted);
            }
        }
        let copy = tempfile::tempdir().unwrap();
        for name in ["ledger.db", "ledger.db-wal"] {
            std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        let path = copy.path().join("ledger.db");
        let writer = SqliteWriter::open(&path, Durability::Full).unwrap();
        let restored = Writer::Sqlite(Box::new(writer));
        assert_eq!(restored.snapshot().unwrap(), ledger.writer.snapshot().unwrap(), "{moment}");
        ledger.assert_sound();
    }
}

/// An audit of a ledger whose rotations somebody changed names it.
#[test]
fn the_audit_follows_the_chain() {
    let mut ledger = Ledger::new(Writer::Memory(Box::default()));
    let (old, _) = ledger.visitor(1, "1.00");
    ledger.set_budget(&old, &old.budget(1, ledger.now)).unwrap();
    let rotation = old.rotation(&fresh(1), ledger.now);
    ledger.rotate(&rotation, &old.root).unwrap();
    ledger.assert_sound();
    let sound = ledger.writer.snapshot().unwrap();
    let wallet = *sound.wallets.keys().next().unwrap();
    type Edit = fn(&mut farthing_verifier::store::Snapshot, farthing_rules::WalletRef);
    let edits: [(&str, Edit); 7] = [
        ("gone", |all, wallet| {
            all.rotations.remove(&(wallet, 0));
        }),
        ("forged", |all, wallet| all.rotations.get_mut(&(wallet, 0)).unwrap().1[247] ^= 1),
        ("not by the next key", |all, wallet| {
            all.rotations.get_mut(&(wallet, 0)).unwrap().1[130] ^= 1;
        }),
        ("at another time", |all, wallet| {
            all.rotations.get_mut(&(wallet, 0)).unwrap().0.0 += 1_000_000_000;
        }),
        ("to another key", |all, wallet| all.wallets.get_mut(&wallet).unwrap().root.0[0] ^= 1),
        ("not counted", |all, wallet| all.wallets.get_mut(&wallet).unwrap().generation = 0),
        ("an allowance of the new key", |all, _| {
            all.keys.values_mut().for_each(|row| row.generation = 1);
        }),
    ];
    for (name, edit) in edits {
        let mut all = sound.clone();
        edit(&mut all, wallet);
        assert_ne!(audit(&all).differences, Vec::<String>::new(), "{name}");
    }
}

/// A refund by a root key is sound only while it was the wallet's.
#[test]
fn the_audit_knows_whose_key_it_was_when() {
    let mut ledger = Ledger::new(Writer::Memory(Box::default()));
    let (mut old, key) = ledger.visitor(1, "1.00");
    let claim = old.donation(CREATOR, "0.01", ledger.now);
    let entry = ledger.charge(&old, key, &claim).receipt.unwrap().entry.0;
    let request = Refund { signer: old.root_key(), ..old.refund(&claim, entry, ledger.now) };
    let refund = asked(&request, &old.root);
    assert!(matches!(
        ledger.apply(&[Command::Refund { refund }])[..],
        [Answer::Refund(answer)] if answer.outcome == RefundOutcome::Refunded
    ));
    ledger.now = ledger.now.plus_ms(1_000);
    let rotation = old.rotation(&fresh(1), ledger.now);
    ledger.rotate(&rotation, &old.root).unwrap();
    ledger.assert_sound();
    // The same ledger, had the key ended before it asked.
    let mut all = ledger.writer.snapshot().unwrap();
    all.rotations.values_mut().for_each(|(at, _)| at.0 -= 2_000);
    let found = audit(&all).differences;
    assert!(found.iter().any(|line| line.contains("stranger")), "{found:?}");
}
