//! The wallet page's paths, told as a conversation with the verifier.

use super::*;

mod owned;

const NOW: u64 = 1_795_500_000_000;
const CREATOR: &str = "cr_BwcHBwcHBwcHBwcHBwcHBw";
const SITE: &str = "https://blog.example";

/// A row of fields from `name=value` words; `~` stands for a space.
fn row(words: &str) -> String {
    let units = words.split_whitespace().flat_map(|word| {
        let (name, value) = word.split_once('=').expect("name=value");
        [name.to_string(), value.replace('~', " ")]
    });
    units.collect::<Vec<_>>().join("\u{1f}")
}

fn key(byte: u8) -> String {
    farthing_shared::SigningKey::from_seed(&[byte; 32]).public().to_text()
}

fn provider() -> String {
    let verifier = VerifierId([9; 32]).to_text();
    row(&format!(
        "tag=provider status=200 name=Demo verifier={verifier} currency=EUR demo=true \
         welcome_credit=1.00 voucher_rail=true"
    ))
}

fn quote(price: &str) -> String {
    row(&format!(
        "tag=quote status=200 creator=+ creator.id={CREATOR} creator.name=The~Lantern item=+ \
         item.name=essay price={price} currency=EUR demo=true suggested_cap=2.00 \
         suggested_claim_max=0.50"
    ))
}

fn account(tag: &str, balance: &str, more: &str) -> String {
    row(&format!("tag={tag} status=200 balance={balance} currency=EUR {more}"))
}

fn allowance(prefix: &str, of: u8, spent: &str) -> String {
    let origin = farthing_shared::origin_hash(SITE).unwrap().to_text();
    let rows = [
        ("key", key(of)),
        ("creator.id", CREATOR.into()),
        ("creator.name", "The~Lantern".into()),
        ("origin_hash", origin),
        ("cap", "2.00".into()),
        ("spent", spent.into()),
        ("per_claim_max", "0.50".into()),
        ("expires_at_ms", (NOW + 86_400_000).to_string()),
        ("serial", "3".into()),
        ("grant", "2".into()),
        ("device", "7".into()),
        ("last_sequence", "5".into()),
    ];
    rows.map(|(name, value)| format!("{prefix}{name}={value}")).join(" ")
}

fn question(amount: &str, force: &str) -> String {
    row(&format!(
        "t=ask creator={CREATOR} item=essay origin={SITE} key={} amount={amount} force={force}",
        key(2)
    ))
}

/// A pop-up that was opened by a frame and knows its provider.
fn popup(root: &str) -> Wallet {
    let mut wallet = Wallet::new();
    let boot = format!("place=allow opener=true stored=true origin=https://pay.example {root}");
    assert_eq!(paths(&wallet.boot(&row(&boot), NOW)), ["GET /v1/provider"]);
    let greeted = wallet.answer(&provider(), NOW);
    assert!(greeted.iter().any(|e| matches!(e, Effect::Send(f) if f[0].1 == "ready")));
    wallet
}

fn paths(effects: &[Effect]) -> Vec<String> {
    let fetches = effects.iter().filter_map(|effect| match effect {
        Effect::Fetch(request) => {
            let path = request.path.split('?').next().unwrap();
            Some(format!("{} {path}", request.method))
        }
        _ => None,
    });
    fetches.collect()
}

fn view(effects: &[Effect]) -> Option<&'static str> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::View(name) => Some(*name),
        _ => None,
    })
}

fn set<'a>(effects: &'a [Effect], name: &str) -> &'a str {
    let found = effects.iter().rev().find_map(|effect| match effect {
        Effect::Set(n, text) if *n == name => Some(&**text),
        _ => None,
    });
    found.unwrap_or("")
}

fn sent<'a>(effects: &'a [Effect], name: &str) -> Option<&'a str> {
    effects.iter().find_map(|effect| match effect {
        Effect::Send(fields) => fields.iter().find(|(n, _)| *n == name).map(|(_, v)| &**v),
        _ => None,
    })
}

/// Opens a new wallet after the visitor's consent, up to where its balance is known.
fn open(wallet: &mut Wallet, effects: &[Effect]) -> Vec<Effect> {
    assert!(effects.contains(&Effect::MakeRoot));
    let made = row(&format!("root={} device=7", key(1)));
    assert_eq!(
        paths(&wallet.root_made(Fields::read(&made), NOW)),
        [format!("GET /v1/wallets/{}", key(1))]
    );
    assert_eq!(paths(&wallet.answer(&row("tag=wallet status=404"), NOW)), ["POST /v1/challenges"]);
    let challenge = Challenge { issued_at: UnixMillis(NOW), bits: 4, mac: [1; 32] };
    let text = crate::signer::base64(&challenge.encode());
    let answer = row(&format!("tag=challenge status=200 challenge={text} bits=4"));
    assert!(wallet.answer(&answer, NOW).contains(&Effect::Work));
    let solution = wallet.work(0, 10_000).expect("four bits are soon found");
    let worked = wallet.worked(Fields::read(&row(&format!("solution={solution}"))), NOW);
    assert!(worked.contains(&Effect::SignOpening));
    let root = farthing_shared::SigningKey::from_seed(&[1; 32]);
    let opening = wallet.sign_opening(&root).expect("solved");
    let signed = wallet.opening_signed(Fields::read(&row(&format!("opening={opening}"))), NOW);
    assert_eq!(paths(&signed), ["POST /v1/wallets"]);
    wallet.answer(&account("open", "1.00", ""), NOW)
}

/// Signs the allowance that is due with this serial and registers it.
fn register(wallet: &mut Wallet, effects: &[Effect], serial: u64) -> (Allowance, Vec<Effect>) {
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Allow { .. })), "{effects:?}");
    let allowance = wallet.allowance(serial).expect("an allowance is due");
    let posted = wallet.allowance_signed(Fields::read(&row("allowance=bytes")), NOW);
    assert_eq!(paths(&posted), ["POST /v1/allowances"]);
    let answer = row(&format!("tag=allow status=200 {}", self::allowance("", 2, "0")));
    (allowance, wallet.answer(&answer, NOW))
}

#[test]
fn the_first_payment_takes_one_click_here() {
    let mut wallet = popup("");
    assert_eq!(paths(&wallet.asked(&question("0.05", ""), NOW)), ["GET /v1/quote"]);
    let shown = wallet.answer(&quote("0.05"), NOW);
    assert_eq!(view(&shown), Some("consent"));
    assert_eq!((set(&shown, "site"), set(&shown, "creator")), (SITE, "The Lantern"));
    assert_eq!((set(&shown, "cap"), set(&shown, "price")), ("2.00", "\u{1}0.05\u{1}"));
    assert!(set(&shown, "money").contains("\u{1}1.00\u{1}"));

    // Too soon, and unseen: nothing happens until a second after the first sign of a visitor.
    let cap = row("cap=2.00");
    assert_eq!(wallet.allow(Fields::read(&cap), NOW), []);
    wallet.timer(Fields::read(&row("name=arm")), NOW);
    assert_eq!(wallet.allow(Fields::read(&cap), NOW), []);
    assert_eq!(wallet.arm(true), [Effect::Timer { name: "arm", ms: 1_000 }]);
    assert_eq!(wallet.arm(true), [], "one timer");
    assert_eq!(wallet.allow(Fields::read(&cap), NOW), []);
    wallet.timer(Fields::read(&row("name=arm")), NOW);
    for (typed, why) in
        [("0.01", words::CAP_TOO_LOW), ("x", words::CAP_BAD), ("9999", words::CAP_TOO_HIGH)]
    {
        let refused = wallet.allow(Fields::read(&row(&format!("cap={typed}"))), NOW);
        assert!(set(&refused, "cap-problem").starts_with(why), "{typed}");
    }
    let agreed = wallet.allow(Fields::read(&cap), NOW);
    let opened = open(&mut wallet, &agreed);
    let (signed, over) = register(&mut wallet, &opened, 1);
    assert_eq!((signed.cap.get(), signed.per_claim_max.get()), (2_000_000, 500_000));
    assert_eq!((signed.serial, signed.grant, signed.device), (1, 1, 7));
    assert_eq!(signed.key.to_text(), key(2));
    assert_eq!((sent(&over, "t"), sent(&over, "balance")), (Some("allowed"), Some("1.00")));
    assert!(over.contains(&Effect::Close));
}

/// Under a creator's ceiling the frame may ask for less than the price, never for more; without one for neither.
#[test]
fn the_last_payment_of_a_month_is_less_than_the_price() {
    let under = |price: &str| [&*quote(price), "\u{1f}month.most\u{1f}0.50"].concat();
    for (quote, asked, shown) in [
        (under("0.20"), "0.20", true),
        (under("0.20"), "0.10", true),
        (under("0.20"), "0.21", false),
        (quote("0.20"), "0.10", false),
    ] {
        let mut wallet = popup("");
        wallet.asked(&question(asked, ""), NOW);
        let said = wallet.answer(&quote, NOW);
        let expected = if shown { (Some("consent"), None) } else { (None, Some("declined")) };
        assert_eq!((view(&said), sent(&said, "t")), expected, "{asked}");
        let month = set(&said, "month");
        assert_eq!(month.contains("\u{1}0.50\u{1} a month"), quote.contains("month") && shown);
    }
    let mut wallet = Wallet::new();
    let root = format!("root={} device=7", key(1));
    wallet.boot(&row(&format!("place=home stored=true origin=https://pay.example {root}")), NOW);
    wallet.answer(&provider(), NOW);
    let known = format!(
        "{} allowances.0.month.most=0.50 allowances.0.month.paid=0.40",
        allowance("allowances.0.", 2, "0.40")
    );
    let home = wallet.answer(&account("wallet", "0.60", &known), NOW);
    let rows = home.iter().find_map(|effect| match effect {
        Effect::Rows { rows, .. } => Some(rows),
        _ => None,
    });
    let state = &rows.expect("the allowances are listed")[0][2];
    assert!(
        state.ends_with(
            ". This month \u{1}0.40\u{1} of at most \u{1}0.50\u{1}; then everything there is open."
        ),
        "{state}"
    );
}

#[test]
fn a_frame_that_lost_its_key_is_served_without_a_click() {
    let root = format!("root={} device=7", key(1));
    let mut wallet = popup(&root);
    wallet.asked(&question("0.05", ""), NOW);
    assert_eq!(paths(&wallet.answer(&quote("0.05"), NOW)), [format!("GET /v1/wallets/{}", key(1))]);
    let known = allowance("allowances.0.", 5, "0.40");
    let effects = wallet.answer(&account("wallet", "0.60", &known), NOW);
    let (signed, over) = register(&mut wallet, &effects, 4);
    // The same consent, cap and end: what was spent before is carried over by the verifier.
    assert_eq!((signed.grant, signed.serial, signed.cap.get()), (2, 4, 2_000_000));
    assert_eq!(signed.expires_at.0, NOW + 86_400_000);
    assert_eq!(sent(&over, "t"), Some("allowed"));
}

#[test]
fn what_is_left_of_the_cap_or_another_browser_does_not_do() {
    let root = format!("root={} device=7", key(1));
    let rows = [
        allowance("allowances.0.", 5, "1.98"),
        allowance("allowances.0.", 5, "0").replace("device=7", "device=8"),
        allowance("allowances.0.", 5, "0").replace("cap=2.00", "cap=0"),
        format!("{} allowances.0.revoked=true", allowance("allowances.0.", 5, "0")),
    ];
    for known in rows {
        let mut wallet = popup(&root);
        wallet.asked(&question("0.05", ""), NOW);
        wallet.answer(&quote("0.05"), NOW);
        let effects = wallet.answer(&account("wallet", "0.60", &known), NOW);
        assert_eq!(view(&effects), Some("consent"), "{known}");
    }
}

#[test]
fn a_click_that_may_not_have_been_seen_is_confirmed_here() {
    let root = format!("root={} device=7", key(1));
    let mut wallet = popup(&root);
    wallet.asked(&question("0.05", "true"), NOW);
    wallet.answer(&quote("0.05"), NOW);
    let known = allowance("allowances.0.", 2, "0.40");
    let effects = wallet.answer(&account("wallet", "0.60", &known), NOW);
    assert_eq!(view(&effects), Some("consent"));
    assert!(set(&effects, "allow").starts_with(words::CONFIRM));
    wallet.arm(true);
    wallet.arm(false);
    // The key has its allowance already: nothing is signed anew.
    let over = wallet.allow(Fields::read(&row("cap=2.00")), NOW);
    assert_eq!((sent(&over, "t"), paths(&over).len()), (Some("allowed"), 0));
}

#[test]
fn too_little_money_asks_for_a_voucher_and_goes_on() {
    let root = format!("root={} device=7", key(1));
    let mut wallet = popup(&root);
    wallet.asked(&question("0.05", ""), NOW);
    wallet.answer(&quote("0.05"), NOW);
    let known = allowance("allowances.0.", 2, "0");
    let effects = wallet.answer(&account("wallet", "0.01", &known), NOW);
    assert_eq!(view(&effects), Some("money"));
    for (typed, why) in [("", words::VOUCHER_EMPTY), ("\"},{", words::VOUCHER_BAD)] {
        let noted = wallet.top_up(Fields::read(&format!("voucher\u{1f}{typed}")), NOW);
        assert_eq!((set(&noted, "voucher-note"), paths(&noted).len()), (why, 0));
    }
    let asked = wallet.top_up(Fields::read(&row("voucher=farth-aaaa")), NOW);
    assert_eq!(paths(&asked), [format!("POST /v1/wallets/{}/top-ups", key(1))]);
    let unknown = wallet.answer(&row("tag=top-up status=404"), NOW);
    assert_eq!(set(&unknown, "voucher-note"), words::VOUCHER_UNKNOWN);
    wallet.top_up(Fields::read(&row("voucher=FARTH-BBBB")), NOW);
    // The answer is lost: the same voucher is sent again, which the verifier knows.
    assert!(matches!(wallet.answer(&row("tag=top-up status=0"), NOW)[..], [Effect::Timer { .. }]));
    let again = wallet.timer(Fields::read(&row("name=retry")), NOW);
    assert!(matches!(&again[1], Effect::Fetch(r) if r.body.contains("FARTH-BBBB")));
    let added = wallet.answer(&row("tag=top-up status=200 amount=5.00 repeat=true"), NOW);
    assert_eq!(paths(&added), [format!("GET /v1/wallets/{}", key(1))]);
    let over = wallet.answer(&account("wallet", "5.01", &known), NOW);
    assert_eq!(sent(&over, "t"), Some("allowed"));
}

#[test]
fn what_goes_wrong_is_said() {
    let rows = [
        ("status=404", words::UNKNOWN),
        ("status=403", words::NOT_A_SITE),
        ("status=400", words::MISTAKE),
    ];
    for (answer, why) in rows {
        let mut wallet = popup("");
        wallet.asked(&question("0.05", ""), NOW);
        let effects = wallet.answer(&row(&format!("tag=quote {answer}")), NOW);
        assert_eq!((view(&effects), set(&effects, "problem")), (Some("problem"), why));
    }
    // A price that the frame did not show is never allowed.
    let mut wallet = popup("");
    wallet.asked(&question("0.05", ""), NOW);
    assert_eq!(sent(&wallet.answer(&quote("0.06"), NOW), "t"), Some("declined"));
    // Nobody asks; the storage is blocked; the opener is gone.
    let mut wallet = popup("");
    let alone = wallet.timer(Fields::read(&row("name=alone")), NOW);
    assert_eq!(set(&alone, "problem"), words::NO_OPENER);
    let blocked = Wallet::new().boot(&row("place=home origin=https://pay.example"), NOW);
    assert_eq!(set(&blocked, "problem"), words::NO_STORAGE);
    let cut = Wallet::new().boot(&row("place=allow stored=true origin=https://pay.example"), NOW);
    assert_eq!(set(&cut, "problem"), words::NO_OPENER);
    // A second question changes nothing.
    let mut wallet = popup("");
    wallet.asked(&question("0.05", ""), NOW);
    assert_eq!(wallet.asked(&question("9.00", ""), NOW), []);
    // No network: a few tries, then the visitor's word.
    let mut wallet = Wallet::new();
    wallet.boot(&row("place=home stored=true origin=https://pay.example"), NOW);
    for _ in 1..TRIES_MAX {
        let waits = wallet.answer(&row("tag=provider status=0"), NOW);
        assert!(matches!(waits[..], [Effect::Timer { name: "retry", .. }]));
        assert_eq!(
            paths(&wallet.timer(Fields::read(&row("name=retry")), NOW)),
            ["GET /v1/provider"]
        );
    }
    let said = wallet.answer(&row("tag=provider status=0"), NOW);
    assert_eq!(set(&said, "problem"), words::OFFLINE);
    assert_eq!(paths(&wallet.retry(NOW)), ["GET /v1/provider"]);
}

#[test]
fn a_conflict_of_serials_is_looked_into_but_not_for_ever() {
    let root = format!("root={} device=7", key(1));
    let mut wallet = popup(&root);
    wallet.asked(&question("0.05", ""), NOW);
    wallet.answer(&quote("0.05"), NOW);
    let known = allowance("allowances.0.", 5, "0");
    let mut effects = wallet.answer(&account("wallet", "0.60", &known), NOW);
    for _ in 0..3 {
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Allow { floor: 3, .. })));
        wallet.allowance_signed(Fields::read(&row("allowance=bytes")), NOW);
        assert_eq!(
            paths(&wallet.answer(&row("tag=allow status=409"), NOW)),
            [format!("GET /v1/wallets/{}", key(1))]
        );
        effects = wallet.answer(&account("wallet", "0.60", &known), NOW);
    }
    wallet.allowance_signed(Fields::read(&row("allowance=bytes")), NOW);
    let said = wallet.answer(&row("tag=allow status=409"), NOW);
    assert_eq!(set(&said, "problem"), words::CONFLICT);
}

#[test]
fn an_opening_is_repaired_and_a_greedy_challenge_refused() {
    let mut wallet = Wallet::new();
    wallet.boot(&row("place=home stored=true origin=https://pay.example"), NOW);
    let empty = wallet.answer(&provider(), NOW);
    assert_eq!(view(&empty), Some("empty"));
    let effects = wallet.create(NOW);
    assert!(effects.contains(&Effect::MakeRoot));
    wallet.root_made(Fields::read(&row(&format!("root={} device=7", key(1)))), NOW);
    wallet.answer(&row("tag=wallet status=404"), NOW);
    let greedy = Challenge { issued_at: UnixMillis(NOW), bits: 60, mac: [1; 32] };
    let text = crate::signer::base64(&greedy.encode());
    let said = wallet.answer(&row(&format!("tag=challenge status=200 challenge={text}")), NOW);
    assert_eq!(set(&said, "problem"), words::STALE);
}

#[test]
fn home_shows_what_there_is_and_withdraws() {
    let mut wallet = Wallet::new();
    let root = format!("root={} device=7", key(1));
    wallet.boot(&row(&format!("place=home stored=true origin=https://pay.example {root}")), NOW);
    wallet.answer(&provider(), NOW);
    let known = allowance("allowances.0.", 2, "0.40");
    let home = wallet.answer(&account("wallet", "0.60", &known), NOW);
    assert_eq!((view(&home), set(&home, "balance")), (Some("home"), "\u{1}0.60\u{1}"));
    let none = wallet.withdraw(Fields::read(&row(&format!("key={}", key(9)))));
    assert_eq!(none, []);
    let effects = wallet.withdraw(Fields::read(&row(&format!("key={}", key(2)))));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Allow { floor: 3, .. })));
    let signed = wallet.allowance(4).expect("due");
    assert_eq!((signed.cap, signed.serial, signed.grant), (Micros::ZERO, 4, 2));
    let posted = wallet.allowance_signed(Fields::read(&row("allowance=bytes")), NOW);
    assert_eq!(paths(&posted), ["POST /v1/allowances"]);
    let done = wallet.answer(&row("tag=withdraw status=200"), NOW);
    assert_eq!(set(&done, "home-note"), words::WITHDRAWN);
}

#[test]
fn a_payment_is_given_back_after_one_question() {
    let mut wallet = Wallet::new();
    let root = format!("root={} device=7", key(1));
    wallet.boot(&row(&format!("place=home stored=true origin=https://pay.example {root}")), NOW);
    wallet.answer(&provider(), NOW);
    wallet.answer(&account("wallet", "0.95", ""), NOW);
    let claim = key(5);
    let clicked = row(&format!("key=12~{claim}~0.05~On~change"));
    let click = |wallet: &mut Wallet| wallet.refund(Fields::read(&clicked));

    let question = click(&mut wallet);
    assert_eq!((view(&question), set(&question, "refund-what")), (Some("refund"), "On change"));
    assert_eq!(view(&wallet.keep()), Some("home"));
    assert_eq!(wallet.refunding(Fields::read(&row("reason=2"))), []);
    // Too soon, and too soon for the question that was asked anew: the first one's second says nothing about it.
    let seen = |wallet: &mut Wallet| wallet.timer(Fields::read(&row("name=refund")), NOW);
    click(&mut wallet);
    assert_eq!(wallet.refunding(Fields::read(&row("reason=2"))), []);
    assert_eq!(seen(&mut wallet), [Effect::Flag("give-back", false)]);
    assert_eq!(wallet.refunding(Fields::read(&row("reason=2"))), []);
    assert_eq!(seen(&mut wallet), [Effect::Flag("give-back", true)]);
    assert_eq!(wallet.refunding(Fields::read(&row("reason=2"))), [Effect::SignRefund]);
    assert_eq!(wallet.refunding(Fields::read(&row("reason=2"))), [], "a double click");
    let signer = crate::signer::public_of(&key(1)).unwrap();
    let due = wallet.refund_request(signer, NOW).expect("due");
    assert_eq!((due.entry, due.claim.to_text(), due.reason.code()), (12, claim, 2));

    // No answer: the same bytes again, until there is one.
    let sent = wallet.refund_signed(Fields::read(&row("refund=bytes")), NOW);
    assert_eq!(paths(&sent), ["POST /v1/refunds"]);
    wallet.answer(&row("tag=refund status=0"), NOW);
    let again = wallet.timer(Fields::read(&row("name=retry")), NOW);
    assert_eq!(paths(&again), ["POST /v1/refunds"]);
    assert_eq!(again, sent);
    let done = wallet.answer(&row("tag=refund status=200 message=It~is~back."), NOW);
    assert_eq!(set(&done, "refund-note"), "It is back.");
    assert_eq!(paths(&done), [format!("GET /v1/wallets/{}", key(1))]);

    wallet.answer(&account("wallet", "1.00", ""), NOW);
    click(&mut wallet);
    seen(&mut wallet);
    wallet.refunding(Fields::read(&row("reason=9")));
    assert_eq!(wallet.refund_request(signer, NOW).map(|due| due.reason.code()), Some(4));
    let failed = wallet.refund_signed(Fields::default(), NOW);
    assert_eq!(set(&failed, "refund-note"), words::REFUND_FAILED);
}

#[test]
fn a_refund_whose_answer_was_lost_is_settled_at_the_next_visit() {
    let home = format!("place=home stored=true origin=https://pay.example root={}", key(1));
    let mut wallet = Wallet::new();
    wallet.boot(&row(&format!("{home} refund=bytes")), NOW);
    wallet.answer(&provider(), NOW);
    let sent = wallet.answer(&account("wallet", "0.95", ""), NOW);
    assert_eq!(paths(&sent), ["POST /v1/refunds"]);
    // As long as nobody answers, nobody says that it was not given.
    for _ in 1..super::TRIES_MAX {
        wallet.answer(&row("tag=refund status=0"), NOW);
        wallet.timer(Fields::read(&row("name=retry")), NOW);
    }
    let said = wallet.answer(&row("tag=refund status=0"), NOW);
    assert_eq!((view(&said), set(&said, "problem")), (Some("problem"), words::REFUND_UNKNOWN));
    wallet.retry(NOW);
    let again = wallet.answer(&account("wallet", "1.00", ""), NOW);
    assert_eq!(paths(&again), ["POST /v1/refunds"]);
    for (answer, expected) in [
        ("refunded=true", words::REFUND_DONE),
        ("refunded=false outcome=new", words::REFUND_REFUSED),
        ("refunded=true message=Back.", "Back."),
    ] {
        let mut wallet = Wallet::new();
        wallet.boot(&row(&format!("{home} refund=bytes")), NOW);
        wallet.answer(&provider(), NOW);
        wallet.answer(&account("wallet", "0.95", ""), NOW);
        let done = wallet.answer(&row(&format!("tag=refund status=200 {answer}")), NOW);
        assert_eq!(set(&done, "refund-note"), expected);
        assert_eq!(view(&wallet.answer(&account("wallet", "1.00", ""), NOW)), Some("home"));
    }
}

#[test]
fn a_link_pays_with_exactly_one_payment_allowed() {
    let mut wallet = Wallet::new();
    let boot = format!(
        "place=item stored=true origin=https://pay.example creator={CREATOR} item=essay root={} device=7",
        key(1)
    );
    wallet.boot(&row(&boot), NOW);
    assert_eq!(paths(&wallet.answer(&provider(), NOW)), ["GET /v1/quote"]);
    wallet.answer(&quote("0.05"), NOW);
    let shown = wallet.answer(&account("wallet", "0.60", ""), NOW);
    assert_eq!((view(&shown), set(&shown, "pay")), (Some("item"), "Pay \u{1}0.05\u{1}"));
    // Too soon, or by a click that was meant for another page: nothing happens.
    assert_eq!(wallet.pay_clicked(NOW), []);
    wallet.timer(Fields::read(&row("name=arm")), NOW);
    assert_eq!(wallet.pay_clicked(NOW), [], "nobody has been seen yet");
    assert_eq!(wallet.arm(true), [Effect::Timer { name: "arm", ms: 1_000 }]);
    assert_eq!(wallet.pay_clicked(NOW), [], "the press that was the first sign");
    let armed = wallet.timer(Fields::read(&row("name=arm")), NOW);
    assert_eq!(armed, [Effect::Flag("pay", true)]);
    assert_eq!(wallet.pay_clicked(NOW), [Effect::MakeKey { instead_of: String::new() }]);
    assert_eq!(wallet.pay_clicked(NOW), [], "one click");
    let made = wallet.key_made(Fields::read(&row(&format!("pk={}", key(2)))), NOW);
    let (signed, claims) = register(&mut wallet, &made, 1);
    assert_eq!((signed.cap.get(), signed.per_claim_max.get()), (50_000, 50_000));
    assert!(claims.contains(&Effect::Claim { floor: 5 }));
    let draft = wallet.draft().expect("a claim is due");
    assert_eq!(
        (draft.item, draft.origin, draft.amount.get()),
        ("essay", "https://pay.example", 50_000)
    );
    let claim = row(&format!("id=i claim=c key={} sequence=6 expires={}", key(2), NOW + 100_000));
    assert_eq!(paths(&wallet.signed(Fields::read(&claim), NOW)), ["POST /v1/claims"]);
    let waits = wallet.answer(&row("tag=claim status=0"), NOW);
    assert!(waits.iter().any(|effect| matches!(effect, Effect::Timer { name: "claim", .. })));
    assert_eq!(paths(&wallet.timer(Fields::read(&row("name=claim")), NOW)), ["POST /v1/claims"]);
    let paid = wallet.answer(&row("tag=claim status=200 code=1 charged=true amount=0.05"), NOW);
    assert_eq!((view(&paid), set(&paid, "paid")), (Some("paid"), "Paid \u{1}0.05\u{1}"));
}

/// A payment of an earlier visit, whose answer got lost: what was given back since is not called paid, and is for sale again.
#[test]
fn what_was_given_back_since_is_not_paid() {
    let back = "You paid \u{1}0.05\u{1}, and it was given back since: the money is in your wallet.";
    for (refunded, expected) in
        [(false, ("paid", "", "Paid \u{1}0.05\u{1}")), (true, ("item", back, ""))]
    {
        let mut wallet = Wallet::new();
        let boot = format!(
            "place=item stored=true origin=https://pay.example creator={CREATOR} item=essay root={} device=7 \
             pending.0.id=i pending.0.claim=c pending.0.key=k pending.0.sequence=6 pending.0.expires={NOW}9",
            key(1)
        );
        wallet.boot(&row(&boot), NOW);
        assert_eq!(paths(&wallet.answer(&provider(), NOW)), ["POST /v1/claims"]);
        let answer = "tag=claim status=200 code=1 charged=true repeat=true amount=0.05 refunded";
        let mut said = wallet.answer(&row(&format!("{answer}={refunded}")), NOW);
        assert!(said.contains(&Effect::Settle { id: "i".into() }));
        said.extend(wallet.answer(&quote("0.05"), NOW));
        said.extend(wallet.answer(&account("wallet", "0.60", ""), NOW));
        let shown = (view(&said).unwrap_or(""), set(&said, "item-note"), set(&said, "paid"));
        assert_eq!(shown, expected);
    }
}

#[test]
fn a_budget_is_what_was_typed() {
    let mut wallet = Wallet::default();
    let root = public_of(&key(1)).expect("a key");
    let row = "3\u{1f}2.50\u{1f}0\u{1f}1\u{1f}1795500000000";
    assert_eq!(wallet.budget(root, row), None, "the verifier is not known yet");
    wallet.boot("place\u{1f}home\u{1f}stored\u{1f}true", NOW);
    wallet.answer(&provider(), NOW);
    let budget = wallet.budget(root, row).expect("a budget");
    assert_eq!((budget.number, budget.set_at.0, budget.paused), (3, NOW, true));
    assert_eq!((budget.per_day, budget.per_month), (Micros::parse("2.50").ok(), None));
    assert_eq!(budget.verifier, VerifierId([9; 32]));
    for wrong in [
        "",
        "3\u{1f}x\u{1f}0\u{1f}1\u{1f}5",
        "x\u{1f}1\u{1f}0\u{1f}1\u{1f}5",
        "3\u{1f}1\u{1f}0\u{1f}1\u{1f}",
    ] {
        assert_eq!(wallet.budget(root, wrong), None, "{wrong:?}");
    }
}

#[test]
fn a_permission_is_what_was_typed() {
    let mut wallet = Wallet::default();
    let root = public_of(&key(1)).expect("a key");
    let creator = farthing_shared::CreatorId([5; 16]);
    let row = format!("3\u{1f}{}\u{1f}2.50\u{1f}1795500000000", creator.to_text());
    assert_eq!(wallet.permission(root, &row), None, "the verifier is not known yet");
    wallet.boot("place\u{1f}home\u{1f}stored\u{1f}true", NOW);
    wallet.answer(&provider(), NOW);
    let permission = wallet.permission(root, &row).expect("a permission");
    assert_eq!((permission.number, permission.set_at.0), (3, NOW));
    assert_eq!((permission.creator, permission.verifier), (creator, VerifierId([9; 32])));
    assert_eq!(Ok(permission.per_month), Micros::parse("2.50"));
    let taken_back = wallet.permission(root, &row.replace("2.50", "0"));
    assert_eq!(taken_back.map(|permission| permission.per_month), Some(Micros::ZERO));
    for (part, other) in [(&*row, ""), ("2.50", "x"), ("cr_", ""), ("3\u{1f}", "x\u{1f}")] {
        let wrong = row.replace(part, other);
        assert_eq!(wallet.permission(root, &wrong), None, "{wrong:?}");
    }
}

/// Another device put its key in the place of this browser's: said, and nothing is asked or opened any more.
#[test]
fn a_key_that_was_replaced_ends_the_page() {
    for place in ["home", "allow"] {
        let mut wallet = Wallet::new();
        let root = key(1);
        let boot = format!(
            "place={place} opener=true stored=true origin=https://pay.example root={root} device=7"
        );
        wallet.boot(&row(&boot), NOW);
        let mut effects = wallet.answer(&provider(), NOW);
        if place == "allow" {
            assert_eq!(paths(&wallet.asked(&question("0.05", ""), NOW)).len(), 1);
            effects = wallet.answer(&quote("0.05"), NOW);
        }
        assert_eq!(paths(&effects), [format!("GET /v1/wallets/{root}")]);
        let told = wallet.answer(&row("tag=wallet status=410"), NOW);
        assert_eq!(told, [Effect::View("ended")], "{place}");
        assert_eq!(wallet.retry(NOW), []);
        assert_eq!(wallet.create(NOW), []);
    }
}

/// Which browser an allowance is in is shown, and one of another browser is withdrawn as that one's.
#[test]
fn allowances_of_another_browser_are_told_apart() {
    let mut wallet = Wallet::new();
    let hash = farthing_shared::origin_hash(SITE).unwrap().to_text();
    let boot = format!(
        "place=home stored=true origin=https://pay.example root={} device=7 sites.0.hash={hash} sites.0.origin={SITE}",
        key(1)
    );
    wallet.boot(&row(&boot), NOW);
    wallet.answer(&provider(), NOW);
    let there = allowance("allowances.1.", 3, "0.10").replace("device=7", "device=8");
    let known = format!("{} {there}", allowance("allowances.0.", 2, "0.10"));
    let shown = wallet.answer(&account("wallet", "0.60", &known), NOW);
    let rows = shown.iter().find_map(|effect| match effect {
        Effect::Rows { list: "allowances", rows, .. } => Some(rows),
        _ => None,
    });
    let sites: Vec<_> = rows.unwrap().iter().map(|cells| cells[1].clone()).collect();
    assert_eq!(sites, [SITE.into(), format!("\u{3}{SITE}\u{3}{}", words::ELSEWHERE)]);
    for (of, device) in [(3, 8), (2, 7)] {
        wallet.withdraw(Fields::read(&row(&format!("key={}", key(of)))));
        let signed = wallet.allowance(4).unwrap();
        assert_eq!((signed.device, signed.cap.get(), signed.key.to_text()), (device, 0, key(of)));
        wallet.busy = "";
    }
}
