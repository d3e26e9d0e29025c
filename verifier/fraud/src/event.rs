//! Events of a trace: what a line may say, and which field is at fault when it does not.
//!
//! One JSON object per line (issue "Fraud reports", item 8). The usual line takes the fast path; a line that does not
//! fit is read again as loose JSON, which accepts numbers as names and `5.0` as a whole amount, and otherwise
//! says which field is wrong. Times are seconds, amounts whole numbers of the trace's own unit.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// Longest accepted line: the longest real event is some 300 bytes; a name may be a URL or a hash.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// One event, borrowed from its line where possible.
#[derive(Debug, Clone, PartialEq)]
pub struct Event<'a> {
    /// The event's number, as findings cite it.
    pub n: u64,
    /// Seconds since any origin; finite.
    pub t: f64,
    /// What happened.
    pub kind: Kind<'a>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind<'a> {
    /// A wallet was opened. `free` is welcome credit; `None` when the trace does not say.
    Register { wallet: Cow<'a, str>, prefix: Option<Cow<'a, str>>, free: Option<u64> },
    /// Own money came in, from the source `fund` (a card, a voucher batch, a creator's payout).
    TopUp { wallet: Cow<'a, str>, amount: u64, fund: Option<Cow<'a, str>> },
    /// A claim was handed in by `via`.
    Claim(Claim<'a>),
    /// A claim's money went back to the wallet.
    Refund { id: Cow<'a, str>, wallet: Cow<'a, str>, creator: Cow<'a, str>, amount: u64 },
    /// A creator was paid out to the account `fund`.
    Payout { creator: Cow<'a, str>, amount: u64, fund: Option<Cow<'a, str>> },
    /// A person looked at what this wallet is accused of and lifted it. The ledger says so, no line of a trace does.
    Lifted { wallet: Cow<'a, str> },
    /// A kind this version does not know: counted, never judged.
    Other,
}

/// A claim as it was handed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim<'a> {
    /// Stands for the content hash: same id, same bytes.
    pub id: Cow<'a, str>,
    pub wallet: Cow<'a, str>,
    pub creator: Cow<'a, str>,
    /// `None` when the trace has no sequence numbers: then nothing can be an equivocation.
    pub seq: Option<u64>,
    pub amount: u64,
    pub prefix: Option<Cow<'a, str>>,
    /// Who handed it in; without the field, the wallet itself.
    pub via: Option<Cow<'a, str>>,
    pub sig_ok: bool,
}

/// Why a line is not an event: the field and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Zero-based number of the line in the file.
    pub line: u64,
    /// The field at fault; `"(line)"` when the line is not a JSON object.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: field {}: {}", self.line, self.field, self.why)
    }
}

impl std::error::Error for BadLine {}

/// Reads one line. `line` is its zero-based number, which also stands in for a missing `n`.
///
/// # Errors
/// Names the first field that is missing, of a wrong type or out of range.
pub fn parse(line: u64, text: &str) -> Result<Event<'_>, BadLine> {
    match serde_json::from_str::<Raw<'_>>(text) {
        Ok(raw) => raw.event(line),
        Err(_) => parse_loose(line, text),
    }
}

#[derive(Deserialize)]
struct Raw<'a> {
    n: Option<u64>,
    t: Option<f64>,
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    wallet: Option<Cow<'a, str>>,
    #[serde(borrow)]
    creator: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    seq: Option<u64>,
    amount: Option<u64>,
    #[serde(borrow)]
    prefix: Option<Cow<'a, str>>,
    #[serde(borrow)]
    via: Option<Cow<'a, str>>,
    sig_ok: Option<bool>,
    free: Option<u64>,
    #[serde(borrow)]
    fund: Option<Cow<'a, str>>,
}

impl<'a> Raw<'a> {
    fn event(self, line: u64) -> Result<Event<'a>, BadLine> {
        let missing = |field: &'static str| BadLine {
            line,
            field,
            why: "is missing; add it or leave the line out".to_owned(),
        };
        let t = self.t.ok_or_else(|| missing("t"))?;
        if !t.is_finite() {
            return Err(BadLine { line, field: "t", why: format!("{t} is not a time in seconds") });
        }
        let n = self.n.unwrap_or(line);
        let kind = self.kind.ok_or_else(|| missing("kind"))?;
        let name = |value: Option<Cow<'a, str>>, field: &'static str| {
            value.filter(|name| !name.is_empty()).ok_or_else(|| missing(field))
        };
        let kind = match kind.as_ref() {
            "register" => Kind::Register {
                wallet: name(self.wallet, "wallet")?,
                prefix: self.prefix,
                free: self.free,
            },
            "topup" => Kind::TopUp {
                wallet: name(self.wallet, "wallet")?,
                amount: self.amount.ok_or_else(|| missing("amount"))?,
                fund: self.fund,
            },
            "claim" => Kind::Claim(Claim {
                id: name(self.id, "id")?,
                wallet: name(self.wallet, "wallet")?,
                creator: name(self.creator, "creator")?,
                seq: self.seq,
                amount: self.amount.ok_or_else(|| missing("amount"))?,
                prefix: self.prefix,
                via: self.via,
                sig_ok: self.sig_ok.unwrap_or(true),
            }),
            "refund" => Kind::Refund {
                id: name(self.id, "id")?,
                wallet: name(self.wallet, "wallet")?,
                creator: name(self.creator, "creator")?,
                amount: self.amount.ok_or_else(|| missing("amount"))?,
            },
            "payout" => Kind::Payout {
                creator: name(self.creator, "creator")?,
                amount: self.amount.unwrap_or(0),
                fund: self.fund,
            },
            _ => Kind::Other,
        };
        Ok(Event { n, t, kind })
    }
}

/// The slow path: accepts what can be meant in one way only, and names the field otherwise.
fn parse_loose(line: u64, text: &str) -> Result<Event<'static>, BadLine> {
    let bad = |field, why: String| BadLine { line, field, why };
    let value: Value = serde_json::from_str(text).map_err(|error| {
        bad("(line)", format!("is not JSON ({error}); write one object a line"))
    })?;
    let Value::Object(object) = value else {
        return Err(bad("(line)", "is not a JSON object; write one object a line".to_owned()));
    };
    let whole = |field: &'static str| match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => whole_number(value)
            .map(Some)
            .ok_or_else(|| bad(field, format!("{value} is not a whole number from 0 up"))),
    };
    let name = |field: &'static str| match object.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(Cow::Owned(text.clone()))),
        Some(Value::Number(number)) => Ok(Some(Cow::Owned(number.to_string()))),
        Some(value) => Err(bad(field, format!("{value} is not a name; write a string"))),
    };
    let t = match object.get("t") {
        None | Some(Value::Null) => None,
        Some(value) => Some(value.as_f64().ok_or_else(|| {
            bad("t", format!("{value} is not a time; write seconds as a number"))
        })?),
    };
    let sig_ok = match object.get("sig_ok") {
        None | Some(Value::Null) => None,
        Some(value) => Some(
            value
                .as_bool()
                .ok_or_else(|| bad("sig_ok", format!("{value} is not true or false")))?,
        ),
    };
    Raw {
        n: whole("n")?,
        t,
        kind: name("kind")?,
        wallet: name("wallet")?,
        creator: name("creator")?,
        id: name("id")?,
        seq: whole("seq")?,
        amount: whole("amount")?,
        prefix: name("prefix")?,
        via: name("via")?,
        sig_ok,
        free: whole("free")?,
        fund: name("fund")?,
    }
    .event(line)
}

/// A whole number, also when it was written as `5.0`, as some exporters do. Up to 2^53, where
/// floating point stops being exact.
fn whole_number(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let number = value.as_f64()?;
    let exact = number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "range checked")]
    exact.then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let got = match parse(7, text) {
            Ok(event) => format!("{event:?}"),
            Err(bad) => bad.to_string(),
        };
        assert!(got.contains(expected), "{text}\n  gave {got}\n  not {expected}");
    }

    #[test]
    fn a_line_is_an_event_or_names_its_field() {
        check(
            r#"{"n":0,"t":12.5,"kind":"register","wallet":"w1","prefix":"p9","free":50}"#,
            "free: Some(50)",
        );
        check(r#"{"t":1,"kind":"topup","wallet":"w1","amount":5.0,"fund":"f1"}"#, "amount: 5");
        check(r#"{"t":1,"kind":"topup","wallet":12,"amount":5}"#, r#"wallet: "12""#);
        check(r#"{"t":1,"kind":"weather"}"#, "Other");
        check(r#"{"t":1,"kind":"topup","wallet":"w1","amount":-5}"#, "line 7: field amount: -5");
        check(r#"{"t":1,"kind":"topup","wallet":"w1","amount":2.5}"#, "line 7: field amount: 2.5");
        check(r#"{"t":1,"kind":"topup","wallet":"w1"}"#, "field amount: is missing");
        check(
            r#"{"t":1,"kind":"claim","wallet":"w1","creator":"c1","amount":1}"#,
            "field id: is missing",
        );
        check(r#"{"t":"now","kind":"topup","wallet":"w1","amount":1}"#, "field t: \"now\"");
        check(r#"{"kind":"register","wallet":"w1"}"#, "field t: is missing");
        check(r#"{"t":1,"kind":"claim","sig_ok":"yes"}"#, "field sig_ok");
        check("[1,2]", "field (line)");
        check("{", "field (line)");
        check(r#"{"t":1e999,"kind":"register","wallet":"w"}"#, "field");
    }

    #[test]
    fn a_missing_number_is_the_line() {
        let event = parse(7, r#"{"t":1,"kind":"register","wallet":"w1"}"#).unwrap();
        assert_eq!(event.n, 7);
    }
}
