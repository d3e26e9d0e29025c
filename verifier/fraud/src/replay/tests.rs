use super::*;
use crate::book::Named;

fn vector(features: &[(Feature, f32)]) -> Vector {
    let mut vector = [0.0; crate::features::COUNT];
    for &(feature, lift) in features {
        vector[feature as usize] = lift;
    }
    vector
}

#[test]
fn a_few_sure_ones_open_a_group_and_latecomers_then_need_less() {
    let steered = vector(&[(Feature::Strangers, 2.0), (Feature::BirthBurst, 2.0)]);
    let fan = vector(&[(Feature::BirthBurst, 4.0), (Feature::Structure, 4.0)]);
    let late = ACCUSE_FROM;
    for (sure, likely, score, evidence, expected) in [
        (GROUP_SURE_MIN, GROUP_ACCUSED_MIN, late, steered, true),
        (GROUP_SURE_MIN, GROUP_ACCUSED_MIN, late - 0.01, steered, false),
        (GROUP_SURE_MIN - 1, 100, 0.99, steered, false),
        (GROUP_ACCUSED_MIN - 1, GROUP_ACCUSED_MIN - 1, 0.99, steered, false),
        (100, 100, 0.99, fan, false),
    ] {
        let accused = Group { likely, sure }.accuses(score, &evidence);
        assert_eq!(accused, expected, "{sure} sure of {likely}, {score}");
    }
    let scores = [SURE_FROM, SURE_FROM, 0.5, 0.49];
    let Group { likely, sure } = Group::of(&scores, &[steered, fan, steered, steered]);
    assert_eq!((likely, sure), (3, 1));
}

#[test]
fn mates_meet_beyond_the_curves_or_spend_their_lives_together() {
    for (times, expected, claims, mates) in [
        (3.0, 0.1, 100, true),
        (3.0, 0.2, 100, false), // what the curves explain
        (6.0, 5.0, 9, true),    // a farm that is the curve
        (6.0, 5.0, 60, false),  // fans with lives of their own
        (4.0, 5.0, 9, true),
        (4.0, 5.0, 10, false),
        (3.0, 5.0, 3, false), // too few to say
    ] {
        assert_eq!(surprising(times, expected, claims), mates, "{times} of {claims}");
    }
}

#[test]
fn fans_of_one_creator_meet_by_its_curve() {
    let (mut book, mut lockstep) = (Named::default(), Lockstep::default());
    let (a, b) = (book.wallet("a", 0.0, 0), book.wallet("b", 0.0, 1));
    let creator = book.creator("c");
    for visit in 0..3 {
        for wallet in [a, b] {
            let t = f64::from(visit) * 1e5;
            book.claim(wallet, creator, 1, NONE, (t, 2));
            lockstep.arrive(wallet, creator, t, |_, _, _| false);
        }
    }
    // Six claims, fifteen pairs of them, three of them meetings and one for what was not seen.
    let expected = 3.0 * 3.0 * 4.0 * 2.0 / 36.0;
    assert!((meetings(&book, &lockstep, a, b) - expected).abs() < 1e-9);
}

#[test]
fn creators_are_looked_at_once_they_grew_less_often_in_long_traces() {
    for (new, payers, claims, due) in [
        (1.0, 40.0, 1_000, true),
        (1.0, 41.0, 1_000, false),
        (10.0, 30.0, 990_000, true),
        (9.0, 30.0, 990_000, false),
        (1_000.0, 1_000.0, 10_000_000, true),
        (999.0, 1_000.0, 10_000_000, false),
        (25_000.0, 10_000.0, 10_000_000, true),
        (24_999.0, 10_000.0, 10_000_000, false),
    ] {
        assert_eq!(grown(new, payers, claims), due, "{new} of {payers}, {claims}");
    }
}

#[test]
fn students_and_gift_cards_make_no_group() {
    let students = vector(&[(Feature::PrefixCell, 3.0), (Feature::BirthBurst, 3.0)]);
    let Group { likely, sure } = Group::of(&[CAMPUS_MAX; 9], &[students; 9]);
    assert_eq!((likely, sure), (0, 0));
}

#[test]
fn alone_only_circles_and_lives_on_refunds() {
    let (circle, refunds) = ((Feature::Ring, 3.5), (Feature::OwnRefunds, REFUNDS_ALONE));
    for (feature, score, refunds, expected) in [
        (circle, 0.95, 0, true),
        (circle, 0.8, 0, false),
        (refunds, 0.9, REFUNDS_MIN, true),
        (refunds, 0.9, REFUNDS_MIN - 1, false),
        ((Feature::OwnRefunds, 1.0), 0.9, 50, false),
        ((Feature::FundCell, 5.0), 0.99, 50, false),
    ] {
        assert_eq!(alone(score, &vector(&[feature]), refunds), expected, "{feature:?}");
    }
}
