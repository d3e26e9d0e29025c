//! The decision: commands and the rows they name go in, one commit comes out.

mod allowances;
mod backups;
mod budgets;
mod claims;
mod creators;
mod findings;
mod permissions;
mod refunds;
mod rotations;
mod wallets;
mod working;

use alloc::vec::Vec;

pub use claims::screen;
pub use refunds::refundable_until;

use crate::command::Command;
use crate::commit::{Answer, Commit};
use crate::context::Context;
use crate::policy::Policy;
use claims::Asked;
use farthing_shared::UnixMillis;
use working::Working;

/// Decides a batch.
///
/// Commands that are not claims come first, in their order; then claims in order of key and
/// number, so that two claims of one key that overtook each other on the way are both charged.
/// Answers stand in the order of the commands.
#[must_use]
pub fn decide(policy: &Policy, context: Context, commands: &[Command], now: UnixMillis) -> Commit {
    let mut working = Working::new(context, now);
    let mut answers: Vec<Option<Answer>> = commands.iter().map(|_| None).collect();
    let mut claims = Vec::with_capacity(commands.len());
    for (command, answer) in commands.iter().zip(&mut answers) {
        match command {
            Command::Claim { claim, key } => claims.push((*key, claim, Asked::ByClick, answer)),
            Command::AutomaticClaim { claim, key } => {
                claims.push((*key, claim, Asked::Automatically, answer));
            }
            other => *answer = Some(other_than_claim(policy, &mut working, other)),
        }
    }
    claims.sort_by_key(|(key, claim, ..)| (*key, claim.claim().sequence));
    for (key, claim, asked, answer) in claims {
        *answer = Some(Answer::Claim(claims::charge(policy, &mut working, claim, (key, asked))));
    }
    let answers = answers.into_iter().flatten().collect();
    working.into_commit(answers)
}

fn other_than_claim(policy: &Policy, working: &mut Working, command: &Command) -> Answer {
    match command {
        Command::Claim { claim, key } => {
            Answer::Claim(claims::charge(policy, working, claim, (*key, Asked::ByClick)))
        }
        Command::AutomaticClaim { claim, key } => {
            Answer::Claim(claims::charge(policy, working, claim, (*key, Asked::Automatically)))
        }
        Command::OpenWallet { opening, origin } => {
            wallets::open(policy, working, opening.opening().root, *origin)
        }
        Command::RegisterAllowance { allowance } => {
            Answer::Allowance(allowances::register(policy, working, allowance))
        }
        Command::SetBudget { budget } => Answer::Budget(budgets::set(policy, working, budget)),
        Command::SetPermission { permission } => {
            Answer::Permission(permissions::set(policy, working, permission))
        }
        Command::Rotate { rotation } => {
            Answer::Rotated(rotations::rotate(policy, working, rotation))
        }
        Command::KeepBackup { backup } => Answer::Kept(backups::keep(policy, working, backup)),
        Command::TopUp { root, voucher } => {
            Answer::TopUp(wallets::top_up(working, *root, *voucher))
        }
        Command::IssueVouchers { vouchers, amount, expires_at } => {
            Answer::Saved(wallets::issue_vouchers(working, vouchers, *amount, *expires_at))
        }
        Command::RevokeVouchers { vouchers } => {
            Answer::Saved(wallets::revoke_vouchers(working, vouchers))
        }
        Command::SaveCreator(draft) => Answer::Saved(creators::save(working, draft)),
        Command::SetItem { creator, hash, name, title, price, on_sale } => {
            let price = creators::ListPrice { price: *price, on_sale: *on_sale };
            let text = crate::rows::ItemText { name: name.clone(), title: title.clone() };
            Answer::Saved(creators::set_item(working, *creator, *hash, text, price))
        }
        Command::TakeOffer { offer, name, title } => {
            let text = crate::rows::ItemText { name: name.clone(), title: title.clone() };
            Answer::Saved(creators::take_offer(policy, working, offer.offer(), text))
        }
        Command::Refund { refund } => Answer::Refund(refunds::refund(policy, working, refund)),
        Command::ReleaseHolds => Answer::Released(creators::release_holds(working)),
        Command::CountRefusals(tallies) => {
            Answer::Saved(creators::count_refusals(working, tallies))
        }
        other => findings::answer(working, other),
    }
}
