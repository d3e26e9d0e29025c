//! What a check says, in words for people who are no cryptographers: what is wrong, where, and what to do.

use farthing_shared::note::NoteError;
use farthing_shared::receipt::BadReceipt;
use farthing_shared::statement::BadStatement;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The lie's name for programs; `fault` where nobody need have lied.
    pub lie: &'static str,
    /// The lie in a line.
    pub title: String,
    /// What it means and what to do.
    pub text: String,
}

impl Said {
    /// Something that is not a lie about payments.
    #[must_use]
    pub fn fault(title: &str, text: &str) -> Self {
        Self { lie: "fault", title: title.to_owned(), text: text.to_owned() }
    }
}

const KEEP: &str = "Keep the file: it is the evidence.";

/// A lie in a statement.
#[must_use]
pub fn of_statement(lie: &BadStatement) -> Said {
    let (title, text) = match lie {
        BadStatement::Dropped { first, last, entry } => (
            missing(*first, *last),
            format!(
                "Your payments are numbered 1, 2, 3 and so on. Before entry {entry} of the log the \
                 numbers jump: somebody left payments out. {KEEP}"
            ),
        ),
        BadStatement::Reordered { entry } => (
            format!("The payment in entry {entry} stands twice or in the wrong place"),
            format!("Payments were moved or counted twice. {KEEP}"),
        ),
        BadStatement::WrongTotal { entry, expected, found } => (
            format!("The total is wrong from entry {entry} on"),
            expected.map_or_else(
                || format!("It says {found}, which cannot be a total at all. {KEEP}"),
                |expected| {
                    format!(
                        "It says {found}, but the payments up to there add up to {expected}. {KEEP}"
                    )
                },
            ),
        ),
        BadStatement::Invented { entry } => (
            format!("The payment in entry {entry} is not genuine"),
            format!(
                "No visitor signed it as it stands there: it was invented, or its amount or item was \
                 changed afterwards. {KEEP}"
            ),
        ),
        BadStatement::CountedTwice { entry, before } => (
            format!("The payment in entry {entry} counts twice"),
            format!(
                "A visitor numbers what it signs 1, 2, 3 and so on. The number of this payment was used up by \
                 entry {before}: one signature is shown as two payments. {KEEP}"
            ),
        ),
        BadStatement::NotInLog { first, last } => (
            if first == last {
                format!("The payment in entry {first} is not what the log holds")
            } else {
                format!(
                    "One of the payments in entries {first} to {last} is not what the log holds"
                )
            },
            format!(
                "You are shown something else than what was written down when it was paid. {KEEP}"
            ),
        ),
        BadStatement::NotCovered { entry, size } => (
            format!("The payment in entry {entry} is not in the log"),
            format!("The log that the provider signed ends with entry {size}. {KEEP}"),
        ),
        other => of_memory(other),
    };
    Said { lie: lie.name(), title, text }
}

/// What does not agree with what the page shows, or with what this browser has proven before.
fn of_memory(lie: &BadStatement) -> (String, String) {
    match lie {
        BadStatement::CutShort { last, shown } => (
            missing(last.saturating_add(1), *shown),
            format!(
                "This page shows {shown} payments, but only {last} are in the log. A payment is promised \
                 to be there within two seconds."
            ),
        ),
        BadStatement::Vanished { last, before } => (
            gone(last.saturating_add(1), *before),
            format!(
                "This browser has proven {before} payments before; now only {last} of them are shown. What was \
                 proven once cannot become less: a refund does not take a payment away."
            ),
        ),
        BadStatement::Replaced { number, before, entry } => (
            format!("Payment {number} is not the one that was proven before"),
            format!(
                "When this browser looked last, payment {number} stood in entry {before} of the log. Now it \
                 stands in entry {entry} or with another total: the provider gave its number twice, and what \
                 was paid under it first is not counted any more. {KEEP}"
            ),
        ),
        BadStatement::OtherTotal { number, proven, shown } => (
            "This page shows another total than the payments add up to".to_owned(),
            format!(
                "The {number} payments that are proven add up to {proven}; {shown} is shown. {KEEP}"
            ),
        ),
        other => of_log(other),
    }
}

/// What is wrong with the log or the file rather than with a payment.
fn of_log(lie: &BadStatement) -> (String, String) {
    match lie {
        BadStatement::Malformed(_) | BadStatement::Record { .. } => (
            "This is not a statement that can be read".to_owned(),
            format!(
                "What the provider sent is broken or was changed on its way ({lie}). Check once more; \
                 if it stays so, ask your provider."
            ),
        ),
        BadStatement::Checkpoint(why) => (
            "The log's signature does not hold".to_owned(),
            format!(
                "The statement is not signed by the log's key, or was changed after it was signed: {why}."
            ),
        ),
        BadStatement::OtherCreator { found } => (
            "This is somebody else's statement".to_owned(),
            format!("It is the statement of creator {found}, not yours."),
        ),
        BadStatement::OtherLog => (
            "Your provider began a new log".to_owned(),
            "The log has another name or key than the one this browser saw before, so nothing ties \
             the two together. Ask your provider why. A provider whose ledger was damaged has to say so."
                .to_owned(),
        ),
        BadStatement::RolledBack { seen, size } => (
            "The log was rolled back".to_owned(),
            format!(
                "This browser has seen the provider sign {seen} entries; now there are only {size}. \
                 Entries that were signed have disappeared. {KEEP}"
            ),
        ),
        BadStatement::SplitView { seen } => (
            "You are shown another log than before".to_owned(),
            format!(
                "The first {seen} entries are not the ones that the provider signed when this browser \
                 looked last: the past was changed, or you are shown a log of your own. {KEEP}"
            ),
        ),
        BadStatement::NoProofSince { seen } => (
            "The provider does not show that this is the same log as before".to_owned(),
            format!(
                "It was asked to prove that the log still begins with the {seen} entries that this \
                 browser has seen, and did not."
            ),
        ),
        BadStatement::FalseRefund { entry, claim } => (
            format!("The refund in entry {entry} is not one"),
            format!(
                "It takes back what the payment in entry {claim} did not bring you, or takes it back a \
                 second time. {KEEP}"
            ),
        ),
        BadStatement::InRefunds(lie) => {
            let said = of_statement(lie);
            let what = said.title.replace("Payment", "Refund").replace("payment", "refund");
            (what, format!("In the list of your refunds: {lie}. {KEEP}"))
        }
        _ => (lie.to_string(), KEEP.to_owned()),
    }
}

fn missing(first: u64, last: u64) -> String {
    if first == last {
        format!("Payment {first} is missing")
    } else {
        format!("Payments {first} to {last} are missing")
    }
}

fn gone(first: u64, last: u64) -> String {
    if first == last {
        format!("Payment {first}, proven before, is gone")
    } else {
        format!("Payments {first} to {last}, proven before, are gone")
    }
}

/// What is wrong with a receipt.
#[must_use]
pub fn of_receipt(bad: &BadReceipt) -> Said {
    let title = match bad {
        BadReceipt::Malformed(_) | BadReceipt::Leaf(_) => {
            "This is not a receipt that can be read".to_owned()
        }
        BadReceipt::Checkpoint(_) => "The log's signature does not hold".to_owned(),
        BadReceipt::Misplaced { entry, .. } => {
            format!("The receipt of entry {entry} names another place in the log")
        }
        BadReceipt::NotInLog { entry } => format!("Entry {entry} is not what the log holds"),
        BadReceipt::Invented { entry } => {
            format!("The payment in entry {entry} was not signed as it stands there")
        }
    };
    Said { lie: bad.name(), title, text: format!("In the words of the check: {bad}.") }
}

/// A key that cannot be used.
#[must_use]
pub fn of_key(why: NoteError) -> Said {
    Said::fault("The log's key cannot be read", &format!("The provider's /log/key says: {why}."))
}
