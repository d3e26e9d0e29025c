//! What is the wallet's already is never asked to be paid again.

use super::*;
use crate::words::{money, money_text};

/// Paid through the link on this page: the site is to be allowed, and neither the window nor the balance says
/// that it is paid again.
#[test]
fn what_was_bought_before_is_not_asked_to_be_paid_again() {
    let root = format!("root={} device=7", key(1));
    let mut wallet = popup(&root);
    let asked = wallet.asked(&question("0.05", ""), NOW);
    assert!(matches!(&asked[..], [Effect::Fetch(r)] if r.signer == Signer::Key));
    let owned = row("owned=+ owned.entry=12 owned.amount=0.04");
    wallet.answer(&[quote("0.05"), owned].join("\u{1f}"), NOW);
    let effects = wallet.answer(&account("wallet", "0.01", ""), NOW);
    assert_eq!(view(&effects), Some("consent"));
    assert_eq!((set(&effects, "price"), set(&effects, "allow")), (&*money(Micros::ZERO), "Allow"));
    assert!(set(&effects, "owned").contains(&*money_text("0.04")), "{effects:?}");
    wallet.arm(true);
    wallet.arm(false);
    let allowed = wallet.allow(Fields::read(&row("cap=2.00")), NOW);
    let (_, over) = register(&mut wallet, &allowed, 1);
    assert_eq!(sent(&over, "t"), Some("allowed"), "a cent is enough");

    let mut wallet = popup(&root);
    wallet.asked(&question("0.05", ""), NOW);
    let again = wallet.answer(&row("tag=quote status=401"), NOW);
    assert!(matches!(&again[..], [Effect::Fetch(r)] if r.signer == Signer::Nobody));
}
