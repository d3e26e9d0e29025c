//! What the page has to do, one bit each; it goes through them from the lowest to the highest.

/// Forget the stored claim: its fate is known.
pub const SETTLE: u32 = 1;
/// Draw the present phase and sentence.
pub const SHOW: u32 = 1 << 1;
/// Tell the creator's page that it was paid, or is owned.
pub const TELL_PAID: u32 = 1 << 2;
/// Tell it that the payment was not made.
pub const TELL_DECLINED: u32 = 1 << 3;
/// Tell it that something is wrong.
pub const TELL_ERROR: u32 = 1 << 4;
/// Tell the frames of this creator in other tabs and places.
pub const SPREAD: u32 = 1 << 5;
/// Decrypt the gate's content and hand it to the creator's page.
pub const UNSEAL: u32 = 1 << 6;
/// Close the wallet window.
pub const CLOSE: u32 = 1 << 7;
/// The key is of no more use: forget it, so that the next one is another.
pub const FORGET_KEY: u32 = 1 << 8;
/// Open the wallet window, within this click.
pub const OPEN: u32 = 1 << 9;
/// Make the spending key, or take the one that another tab made meanwhile.
pub const MAKE_KEY: u32 = 1 << 10;
/// Put the question to the wallet window.
pub const QUESTION: u32 = 1 << 11;
/// Bring the wallet window to the front.
pub const FOCUS: u32 = 1 << 12;
/// Take the next claim of an earlier visit out of storage.
pub const TAKE: u32 = 1 << 13;
/// Ask for the quote, as the spending key where there is one that was allowed.
pub const QUOTE: u32 = 1 << 14;
/// Allot a number, sign, store.
pub const SIGN: u32 = 1 << 15;
/// Send the claim.
pub const SEND: u32 = 1 << 16;
/// Ask what became of the claim.
pub const ASK: u32 = 1 << 17;
/// Report back after [`Frame::pause_ms`](super::Frame::pause_ms).
pub const PAUSE: u32 = 1 << 18;
