//! What became of a claim. The numbers are on the wire: frozen, never reused.
//!
//! A refusal is an outcome, not an error: the claim was understood and not charged. Outcomes from
//! 30 on are *final*: the claim's signature held and its number is used up, so that the same bytes
//! get the same answer for ever and a refused claim cannot be fed in again after a top-up.

/// Whether sending something again can help, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Nothing to do: it is paid or owned.
    Unneeded,
    /// A new claim with the next number can succeed at once.
    NewClaim,
    /// A new claim can succeed after the wallet was topped up.
    AfterTopUp,
    /// A new claim can succeed after the visitor gave a new allowance.
    AfterAllowance,
    /// A new claim can succeed after the visitor changed what the wallet may pay, or once a new day or
    /// month has begun.
    AfterBudget,
    /// A new claim can succeed after the present price was fetched and shown.
    AfterQuote,
    /// A new claim can succeed after a pause.
    Later,
    /// Nothing the visitor can do helps.
    Never,
}

impl Retry {
    /// The name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unneeded => "unneeded",
            Self::NewClaim => "new_claim",
            Self::AfterTopUp => "after_top_up",
            Self::AfterAllowance => "after_allowance",
            Self::AfterBudget => "after_budget",
            Self::AfterQuote => "after_quote",
            Self::Later => "later",
            Self::Never => "never",
        }
    }
}

macro_rules! outcomes {
    ($($name:ident = $code:literal, $text:literal, $retry:ident, $sentence:literal;)*) => {
        /// What became of a claim.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Outcome {
            $(#[doc = $sentence] $name,)*
        }

        impl Outcome {
            /// Every outcome, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The frozen number.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $(Self::$name => $code,)* }
            }

            /// The outcome of a number.
            #[must_use]
            pub const fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// The stable name used in JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// A sentence for people.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$name => $sentence,)* }
            }

            /// Whether and how a retry can help.
            #[must_use]
            pub const fn retry(self) -> Retry {
                match self { $(Self::$name => Retry::$retry,)* }
            }
        }
    };
}

outcomes! {
    Accepted = 1, "accepted", Unneeded, "Paid.";
    AlreadyOwned = 2, "already_owned", Unneeded, "You already own this; nothing was charged.";

    WrongVerifier = 11, "wrong_verifier", Never, "This payment was made out to another provider.";
    WrongCurrency = 12, "wrong_currency", Never, "This provider keeps its accounts in another currency.";
    UnknownKey = 13, "unknown_key", AfterAllowance, "This site has no permission from your wallet yet.";
    Expired = 14, "expired", NewClaim, "The payment arrived too late.";
    ExpiresTooLate = 15, "expires_too_late", NewClaim, "The payment is valid for too long; is the clock of this device right?";
    Forged = 16, "forged", Never, "The signature of this payment does not hold.";
    AmountOutOfRange = 17, "amount_out_of_range", Never, "The amount is too small or too large for one payment.";

    NumberUsed = 30, "number_used", NewClaim, "The number of this payment was used before; it was not charged.";
    Equivocation = 31, "equivocation", NewClaim, "Another payment with the same number exists; this one was not charged.";
    KeyRevoked = 32, "key_revoked", AfterAllowance, "The permission for this site was replaced or withdrawn.";
    AllowanceExpired = 33, "allowance_expired", AfterAllowance, "The permission for this site has expired.";
    WrongCreator = 34, "wrong_creator", Never, "This site may not pay that creator.";
    WrongOrigin = 35, "wrong_origin", Never, "The permission was given for another site.";
    OverClaimMax = 36, "over_claim_max", AfterAllowance, "The amount is above what you allow for one payment here.";
    OverCap = 37, "over_cap", AfterAllowance, "What you allowed for this site is used up.";
    UnknownItem = 38, "unknown_item", Never, "This item is not for sale.";
    PriceChanged = 39, "price_changed", AfterQuote, "The price has changed.";
    InsufficientBalance = 40, "insufficient_balance", AfterTopUp, "There is not enough money in your wallet.";
    KeyExhausted = 41, "key_exhausted", AfterAllowance, "This permission has made as many payments as one can.";
    TooFast = 42, "too_fast", Later, "Too many payments in a short time.";
    UnknownCreator = 43, "unknown_creator", Never, "This creator is not known here.";
    CreatorFull = 44, "creator_full", Never, "This creator cannot receive more at present.";
    PaymentsPaused = 45, "payments_paused", AfterBudget, "You have paused all payments from your wallet; they go on when you say so there.";
    OverDayBudget = 46, "over_day_budget", AfterBudget, "This is more than your wallet may still pay today; you set that limit, and can change it there.";
    OverMonthBudget = 47, "over_month_budget", AfterBudget, "This is more than your wallet may still pay this month; you set that limit, and can change it there.";
    NeedsClick = 48, "needs_click", AfterBudget, "You let this site be paid without a click up to a limit, which does not cover this payment; a click pays it.";

    WalletSlowed = 55, "wallet_slowed", Later, "Your provider is looking into this wallet and lets it pay slowly for now; try again in a minute, or ask your provider why.";
    WalletFrozen = 56, "wallet_frozen", Never, "Your provider has stopped payments from this wallet; its money stays yours. Ask your provider why, and say what you know.";
}

impl Outcome {
    /// Whether money moved for this claim.
    #[must_use]
    pub const fn is_charged(self) -> bool {
        matches!(self, Self::Accepted)
    }

    /// Whether the visitor has what was asked for.
    #[must_use]
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Accepted | Self::AlreadyOwned)
    }

    /// Whether the claim's number is used up and the answer stays for ever.
    #[must_use]
    pub const fn is_final(self) -> bool {
        self.is_success() || self.code() >= 30
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_ordered_and_read_back() {
        let mut last = 0;
        for outcome in Outcome::ALL {
            assert!(outcome.code() > last, "{outcome:?}");
            last = outcome.code();
            assert_eq!(Outcome::from_code(outcome.code()), Some(*outcome));
            assert!(!outcome.sentence().is_empty());
        }
        assert_eq!(Outcome::from_code(0), None);
    }

    #[test]
    fn only_one_outcome_charges() {
        let charged: alloc::vec::Vec<_> =
            Outcome::ALL.iter().filter(|outcome| outcome.is_charged()).collect();
        assert_eq!(charged, [&Outcome::Accepted]);
    }
}
