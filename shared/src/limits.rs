//! Bounds that browser and server share, each with the reason for its size.

/// A claim expires at most this far ahead: long enough for a slow network and a retry, short
/// enough that a lost claim is dead soon.
pub const CLAIM_LIFE_MS_MAX: u64 = 120_000;
/// A clock may be this wrong before a claim is refused as expiring too far ahead.
pub const CLOCK_SKEW_MS_MAX: u64 = 30_000;
/// One claim moves at most 1,000 units; "a few cents" with room for a generous donation.
pub const CLAIM_MICROS_MAX: u64 = 1_000 * 1_000_000;
/// One claim moves at least one micro: an amount of nothing is a mistake.
pub const CLAIM_MICROS_MIN: u64 = 1;
/// A voucher is worth at most 10,000 units: ten of the largest payments. More is a slip of the keyboard.
pub const VOUCHER_MICROS_MAX: u64 = 10_000 * 1_000_000;
/// Vouchers issued together are worth at most 1,000,000 units: a thousand of the command line at 1,000 each.
pub const VOUCHERS_MICROS_MAX: u64 = 1_000_000 * 1_000_000;
/// An allowance lives for at most 400 days, the longest life browsers give to cookies.
pub const ALLOWANCE_LIFE_MS_MAX: u64 = 400 * 86_400_000;
/// A claim signed so close to the end of its allowance would expire on its way.
pub const ALLOWANCE_MARGIN_MS: u64 = 10_000;
/// A serial is at most so much above the one before it: whoever has somebody's root key for a while cannot use up
/// all serials of a spending key, which goes on under the next root key.
pub const SERIAL_STEP_MAX: u64 = 1 << 20;
/// Accepted claims per spending key. Looking an old number up walks the key's entries (about
/// 1.5 µs each), so this bounds that walk to some 25 ms; a fresh key costs one pop-up.
pub const CLAIMS_PER_KEY_MAX: u64 = 16_384;
/// Proofs of equivocation kept per spending key; one convicts, the rest only fills the disk.
pub const EQUIVOCATIONS_PER_KEY_MAX: u32 = 4;
/// UTF-8 bytes of an item's canonical name; URL paths fit.
pub const ITEM_NAME_BYTES_MAX: usize = 200;
/// UTF-8 bytes of a title or a creator's name.
pub const TITLE_BYTES_MAX: usize = 200;
/// Bytes of an origin: `https://`, 253 of a host name, `:65535`.
pub const ORIGIN_BYTES_MAX: usize = 267;
/// Claims in one request of the batch route: 1,000 × 256 B = 256 kB.
pub const CLAIMS_PER_BATCH_MAX: usize = 1_000;
/// A challenge for opening a wallet is good for ten minutes.
pub const CHALLENGE_LIFE_MS: u64 = 600_000;
/// Leading zero bits asked for at most; 2²⁴ hashes are a few seconds on a phone.
pub const POW_BITS_MAX: u8 = 24;
/// A signed read request is good for two minutes either side of the verifier's clock.
pub const ACCESS_LIFE_MS: u64 = 120_000;
/// A refund request is good for two minutes either side of the verifier's clock: a request that was
/// refused cannot be fed in again later.
pub const REFUND_LIFE_MS: u64 = 120_000;
/// A budget can be set within two minutes either side of the verifier's clock: one that was signed and
/// got lost cannot turn up later.
pub const BUDGET_LIFE_MS: u64 = 120_000;
/// A permission can be set within two minutes either side of the verifier's clock, as a budget.
pub const PERMISSION_LIFE_MS: u64 = 120_000;
/// What is paid without a click has to be refundable for so long: its notice offers the way back for ten seconds, and
/// whoever looked away finds it in the frame afterwards.
pub const AUTOMATIC_REFUND_MS_MIN: u64 = 60_000;
/// A rotation of a root key can be made within two minutes either side of the verifier's clock, as a budget.
pub const ROTATION_LIFE_MS: u64 = 120_000;
/// Rotations of one wallet: each leaves its 248 signed bytes for ever, a thousand are some 300 kB. Whoever cuts
/// devices off every week gets there in 19 years.
pub const ROTATIONS_PER_WALLET_MAX: u32 = 1_000;
/// A backup can be kept within two minutes either side of the verifier's clock, as a budget.
pub const BACKUP_LIFE_MS: u64 = 120_000;
/// Backups of one wallet: one a passkey, and few people have three. Eight are 2 kB.
pub const BACKUPS_PER_WALLET_MAX: usize = 8;
/// A creator may let its payers ask for refunds for up to 30 days; the money is held as long.
pub const REFUND_WINDOW_MS_MAX: u64 = 30 * 86_400_000;
/// And must for at least one minute: a payment that delivers nothing has to find its way back.
pub const REFUND_WINDOW_MS_MIN: u64 = 60_000;
/// How long the payment that reached a creator's ceiling a month can go back: long enough for what was paid to be
/// found missing, too short to read what the month opens. No other payment of such a month goes back.
pub const REFUND_AT_CEILING_MS: u64 = 60_000;
/// Refunds of one wallet within any 24 hours. Reading and refunding everything is the abuse; twenty
/// leave room for a site whose content failed to open all day.
pub const REFUNDS_PER_WALLET_MAX: usize = 20;
/// Of these, to one wallet by one creator: whoever was refunded five times in a day should ask.
pub const REFUNDS_PER_CREATOR_MAX: usize = 5;
/// The time in which those are counted.
pub const REFUNDS_WITHIN_MS: u64 = 86_400_000;
/// Bytes of the name of whoever decides about a finding.
pub const REVIEWER_BYTES_MAX: usize = 100;
/// Bytes of a reason or an answer: a page of text, so that nobody is cut short.
pub const REVIEW_BYTES_MAX: usize = 4_000;
/// Answers that one party gives to one finding: 20 × 4,000 B, so that whoever is accused can say all there
/// is to say and cannot fill the disk with it.
pub const ANSWERS_MAX: u64 = 20;
/// An offer may be dated at most this far ahead of the verifier's clock.
pub const OFFER_SKEW_MS_MAX: u64 = 300_000;
