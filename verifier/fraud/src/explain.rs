//! Sentences for people: each names the numbers it rests on and what is not claimed.

use crate::features::{FAMILIES, FIRED, Feature, Vector};
use crate::scan::Shown;

/// What a wallet's inference says.
#[must_use]
pub fn wallet(
    wallet: &str,
    creator: &str,
    (vector, shown): (&Vector, &Shown),
    group: usize,
    score: f64,
) -> String {
    let mut reasons: Vec<(f32, String)> = FAMILIES
        .iter()
        .filter(|(feature, _)| {
            !matches!(feature, Feature::Company | Feature::CompanyShare | Feature::Haunts)
                && vector[*feature as usize] >= FIRED * 0.5
        })
        .map(|(feature, _)| (vector[*feature as usize], reason(*feature, shown[*feature as usize])))
        .collect();
    reasons.sort_by(|a, b| b.0.total_cmp(&a.0));
    let said: Vec<String> = reasons.into_iter().take(4).map(|(_, text)| text).collect();
    let why = if said.is_empty() { "weak signs only".to_owned() } else { said.join("; ") };
    format!(
        "{wallet} looks like one of {group} steered wallets that pay {creator} (probability {score:.2}): {why}. \
         Whether {creator} knows of it is not claimed."
    )
}

fn reason(feature: Feature, (observed, expected): (f32, f32)) -> String {
    let what = match feature {
        Feature::PrefixCell => "payers share this network prefix",
        Feature::FundCell => "payers share this funding source",
        Feature::PrefixPairs => "payers sit in small groups with one prefix",
        Feature::FundPairs => "payers sit in small groups with one funding source",
        Feature::BirthBurst => "payers were registered within one short window",
        Feature::PrefixBurst => "wallets of this prefix were registered together",
        Feature::FundBurst => "wallets of this funding source were registered together",
        Feature::PrefixAndFund => "wallets share both prefix and funding source",
        Feature::Structure => "payers also share another creator",
        Feature::Lockstep => "arrivals in step with the same wallets at other creators",
        Feature::AlikeCount => "payers pay equally often",
        Feature::AlikeDelay => "payers came equally soon after registration",
        Feature::AlikeRhythm => "payers keep the same rhythm",
        Feature::Exclusive => "payers pay nobody else, again and again",
        Feature::FreeOnly => "payers use free credit only",
        Feature::Drained => "payers spent their free credit here to the end",
        Feature::Vanished => "payers were active shortly and vanished",
        Feature::Refunds => "payers had most claims refunded",
        Feature::OwnRefunds => "of its claims were refunded",
        Feature::Company => "times e other payers that look steered as well",
        Feature::Block => "creators of its list are combined beyond shared taste",
        Feature::Captive => "payers of those creators come from the same group, in percent",
        Feature::Mostly => "payers spend most of their money here",
        Feature::Devotion => "of its payments went here",
        Feature::CompanyShare => "percent of the other payers look steered as well",
        Feature::Overlap => "payments of the others meet its own at further creators",
        Feature::Hasty => "payers came several times within days",
        Feature::Mates => "wallets of its network or funding source look steered",
        Feature::Known => "other wallets of its network or funding source are accused",
        Feature::Strangers => "payers share small funding sources with payers of other networks",
        Feature::Haunts => "percent of the payers of its other creators look steered",
        Feature::FundSpread => "creators have most of their payers from its funding source",
        Feature::FundMates => {
            "payments of its funding source's other wallets meet its own at further creators"
        }
        Feature::Ring => "payments went back into the circle they came from",
    };
    format!("{observed:.0} {what}, {expected:.1} expected")
}
