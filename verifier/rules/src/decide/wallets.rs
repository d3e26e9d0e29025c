//! Wallets: opening, vouchers, top-ups.

use alloc::vec::Vec;

use farthing_shared::limits::{VOUCHER_MICROS_MAX, VOUCHERS_MICROS_MAX};
use farthing_shared::{Micros, PublicKey, UnixMillis};

use super::working::Working;
use crate::accounts::Rail;
use crate::commit::{Answer, SaveRefusal, TopUpReceipt, TopUpRefusal};
use crate::findings::{Seen, Standing};
use crate::policy::Policy;
use crate::rows::{
    CreatorRef, EntryBody, EntryNumber, ReceiptRow, VoucherHash, VoucherRow, WalletRef, WalletRow,
};

/// Opens a wallet with its welcome credit; opening it again changes nothing.
pub(super) fn open(
    policy: &Policy,
    working: &mut Working,
    root: PublicKey,
    origin: Option<u64>,
) -> Answer {
    let known = working.context.wallet_refs.get(&root);
    let known = known.or_else(|| working.context.new_roots.get(&root));
    if let Some(wallet) = known.and_then(|wallet| working.context.wallets.get(wallet)) {
        return Answer::Wallet { wallet: *wallet, opened: false };
    }
    // Whoever was cut off does not begin anew under the key that was taken away: it is told.
    if working.context.former_roots.contains_key(&root) {
        return Answer::Replaced;
    }
    let number = working.context.counters.wallet;
    let wallet = WalletRef(number);
    working.context.counters.wallet =
        number.checked_add(1).expect("2^64 wallets are never reached");
    let row = WalletRow {
        wallet,
        root,
        balance: Micros::ZERO,
        free: Micros::ZERO,
        standing: Standing::Free,
        opened_at: working.now,
        last_entry: EntryNumber(0),
        last_refund: EntryNumber(0),
        budget: None,
        generation: 0,
    };
    working.context.put_wallet(row);
    working.touch_wallet(wallet);
    if policy.welcome > Micros::ZERO {
        let body = EntryBody::Welcome {
            wallet,
            amount: policy.welcome,
            free: policy.welcome,
            previous_of_wallet: EntryNumber(0),
        };
        // A welcome that no longer fits the account is left out; the wallet opens all the same.
        if let Ok(entry) = working.record(body) {
            set_last_entry(working, wallet, entry);
            if let Some(row) = working.context.wallets.get_mut(&wallet) {
                row.free = policy.welcome;
            }
        }
    }
    let free = working.context.wallets.get(&wallet).map_or(Micros::ZERO, |row| row.free);
    working.observe(Seen::Opened, (wallet, CreatorRef(0)), origin, (1, free));
    let wallet = working.context.wallets.get(&wallet).copied().unwrap_or(row);
    Answer::Wallet { wallet, opened: true }
}

/// Redeems a voucher into a wallet, once.
pub(super) fn top_up(
    working: &mut Working,
    root: PublicKey,
    hash: VoucherHash,
) -> Result<TopUpReceipt, TopUpRefusal> {
    let wallet = working
        .context
        .wallet_refs
        .get(&root)
        .and_then(|wallet| working.context.wallets.get(wallet))
        .copied()
        .ok_or(TopUpRefusal::UnknownWallet)?;
    let voucher =
        working.context.vouchers.get(&hash).copied().ok_or(TopUpRefusal::UnknownVoucher)?;
    if let Some((used_by, entry)) = voucher.used {
        if used_by != wallet.wallet {
            return Err(TopUpRefusal::UsedByAnother);
        }
        let at = working.context.top_ups.get(&entry).map_or(working.now, |receipt| receipt.at);
        let receipt = ReceiptRow { entry, at, amount: voucher.amount };
        return Ok(TopUpReceipt { receipt, repeat: true });
    }
    if voucher.expires_at <= working.now {
        return Err(TopUpRefusal::Expired);
    }
    let entry = working
        .record(EntryBody::TopUp {
            wallet: wallet.wallet,
            amount: voucher.amount,
            rail: Rail::Voucher,
            reference: hash.0,
            previous_of_wallet: wallet.last_entry,
        })
        .map_err(|_| TopUpRefusal::WalletFull)?;
    // After this point the voucher is redeemed.
    set_last_entry(working, wallet.wallet, entry);
    working.put_voucher(VoucherRow { used: Some((wallet.wallet, entry)), ..voucher });
    let receipt = ReceiptRow { entry, at: working.now, amount: voucher.amount };
    working.context.top_ups.insert(entry, receipt);
    Ok(TopUpReceipt { receipt, repeat: false })
}

/// Issues vouchers; all of them or none.
pub(super) fn issue_vouchers(
    working: &mut Working,
    vouchers: &[VoucherHash],
    amount: Micros,
    expires_at: UnixMillis,
) -> Result<(), SaveRefusal> {
    let count = u64::try_from(vouchers.len()).unwrap_or(u64::MAX);
    let together = amount.get().saturating_mul(count);
    if amount == Micros::ZERO || amount.get() > VOUCHER_MICROS_MAX || together > VOUCHERS_MICROS_MAX
    {
        return Err(SaveRefusal::BadAmount);
    }
    if expires_at <= working.now {
        return Err(SaveRefusal::BadTime);
    }
    if vouchers.iter().any(|hash| working.context.vouchers.contains_key(hash)) {
        return Err(SaveRefusal::Exists);
    }
    for hash in vouchers {
        working.put_voucher(VoucherRow {
            hash: *hash,
            amount,
            issued_at: working.now,
            expires_at,
            used: None,
        });
    }
    Ok(())
}

/// When a voucher that was voided has ended.
const VOID: UnixMillis = UnixMillis(0);

/// Voids vouchers that nobody has redeemed: they have expired at all times, also where a clock is put back. No
/// money moves, since an open voucher is in no account.
pub(super) fn revoke_vouchers(
    working: &mut Working,
    vouchers: &[VoucherHash],
) -> Result<(), SaveRefusal> {
    let known = |hash: &VoucherHash| working.context.vouchers.get(hash).copied();
    let rows: Option<Vec<VoucherRow>> = vouchers.iter().map(known).collect();
    let rows = rows.ok_or(SaveRefusal::UnknownVoucher)?;
    for row in rows.into_iter().filter(|row| row.used.is_none() && row.expires_at != VOID) {
        working.put_voucher(VoucherRow { expires_at: VOID, ..row });
    }
    Ok(())
}

pub(super) fn set_last_entry(working: &mut Working, wallet: WalletRef, entry: EntryNumber) {
    if let Some(row) = working.context.wallets.get_mut(&wallet) {
        row.last_entry = entry;
    }
    working.touch_wallet(wallet);
}
