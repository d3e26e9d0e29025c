//! Sentences for people: each names the numbers it rests on and what is not claimed.

use crate::features::{FAMILIES, FIRED, Feature, Vector};
use crate::scan::{About, Shown};

/// What a wallet's inference says.
#[must_use]
pub fn wallet(
    wallet: &str,
    creator: &str,
    (vector, shown, about): (&Vector, &Shown, About),
    group: usize,
    score: f64,
) -> String {
    let mut reasons: Vec<(f32, String)> = FAMILIES
        .iter()
        .filter(|(feature, _)| {
            !matches!(feature, Feature::Company | Feature::CompanyShare | Feature::Haunts)
                && vector[*feature as usize] >= FIRED * 0.5
        })
        .map(|(feature, _)| {
            (vector[*feature as usize], reason(*feature, shown[*feature as usize], about))
        })
        .collect();
    reasons.sort_by(|a, b| b.0.total_cmp(&a.0));
    let said: Vec<String> = reasons.into_iter().take(4).map(|(_, text)| text).collect();
    let why = if said.is_empty() { "weak signs only".to_owned() } else { said.join("; ") };
    format!(
        "{wallet} looks like one of {group} steered wallets that pay {creator} (probability {score:.2}): {why}. \
         Whether {creator} knows of it is not claimed."
    )
}

fn reason(feature: Feature, (observed, expected): (f32, f32), about: About) -> String {
    let what = match feature {
        Feature::Known => {
            let of = if about.known_by_network { "network" } else { "funding source" };
            return format!(
                "{observed:.0} of the {expected:.0} other wallets of its {of} are accused"
            );
        }
        Feature::Drained if about.drained_by_network => {
            "of its network's payers spent their free credit here to the end"
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(feature: Feature, shown: (f32, f32), about: About, expected: &str) {
        let (mut vector, mut all) =
            ([0.0; crate::features::COUNT], [(0.0, 0.0); crate::features::COUNT]);
        vector[feature as usize] = FIRED;
        all[feature as usize] = shown;
        let text = wallet("w1", "c1", (&vector, &all, about), 9, 0.9);
        assert!(text.contains(&format!("0.90): {expected}. Whether")), "{text}");
    }

    #[test]
    fn the_numbers_are_of_those_who_are_named() {
        let network = About { known_by_network: true, drained_by_network: true };
        let known = (Feature::Known, (7.0, 12.0));
        let drained = (Feature::Drained, (20.0, 9.34));
        for ((feature, shown), about, expected) in [
            (known, network, "7 of the 12 other wallets of its network are accused"),
            (
                known,
                About::default(),
                "7 of the 12 other wallets of its funding source are accused",
            ),
            (
                drained,
                network,
                "20 of its network's payers spent their free credit here to the end, 9.3 expected",
            ),
            (
                drained,
                About::default(),
                "20 payers spent their free credit here to the end, 9.3 expected",
            ),
        ] {
            check(feature, shown, about, expected);
        }
    }
}
