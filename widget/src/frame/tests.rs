//! The frame's paths as rows: what happens, what the page then does, what the visitor is told.

use super::*;
use crate::gesture::By;

const NOW: u64 = 1_000_000;
const HONEST: Evidence = Evidence {
    trusted: true,
    by: By::Hover,
    dwell_ms: 300,
    focus_ms: 0,
    still_ms: 600,
    moved_px: 0,
    in_view_ms: 900,
    uncovered: Some(true),
    since_last_ms: 5_000,
};
const COVERED: Evidence = Evidence { uncovered: Some(false), ..HONEST };
const NOBODY: Evidence = Evidence { by: By::Nobody, dwell_ms: 0, still_ms: 0, ..HONEST };
const HASTY: Evidence = Evidence { dwell_ms: 0, ..HONEST };
const START: Start = Start {
    stored: true,
    named: true,
    donates: false,
    embedded: true,
    has_key: true,
    has_verifier: true,
};
const RICH: Spending = Spending {
    cap: 2_000_000,
    spent: 0,
    per_claim_max: 500_000,
    expires_at_ms: 90_000_000,
    balance: 1_000_000,
    last_sequence: 4,
};
const PRICE: u64 = 50_000;

fn status(status: u32) -> Answer {
    Answer { status, ..Answer::default() }
}

fn code(code: u16) -> Answer {
    Answer { code, charged: code == 1, ..status(200) }
}

fn quote(spending: Option<Spending>) -> Quoted {
    let (price, whole, owned) = (Some(PRICE), true, false);
    Quoted { answer: status(200), price, whole, owned, spending }
}

/// A frame that is ready to pay.
fn ready(start: Start, spending: Option<Spending>) -> Frame {
    let mut frame = Frame::new();
    assert_eq!(frame.boot(start), TAKE);
    assert_eq!(frame.taken(None, NOW), SHOW | QUOTE);
    let price = if start.donates { None } else { Some(PRICE) };
    assert_eq!(frame.quoted(Quoted { price, ..quote(spending) }, NOW), SHOW);
    assert_eq!((frame.phase(), frame.note()), (Phase::Ready, Note::None));
    frame
}

/// A frame whose claim is on its way.
fn paying() -> Frame {
    let mut frame = ready(START, Some(RICH));
    assert_eq!(frame.click(HONEST, PRICE, NOW), SHOW | SIGN);
    assert_eq!((frame.due(), frame.floor()), (Some(PRICE), 4));
    assert_eq!(frame.signed(Some(Track::signed(NOW + 100_000)), NOW), SHOW | SEND);
    assert_eq!(frame.due(), None);
    frame
}

#[test]
fn what_the_page_may_not_do() {
    let rows = [
        (Start { named: false, ..START }, Note::BadTag),
        (Start { embedded: false, ..START }, Note::NoPage),
    ];
    for (start, note) in rows {
        let mut frame = Frame::new();
        assert_eq!(frame.boot(start), SHOW | TELL_ERROR);
        assert_eq!((frame.phase(), frame.note()), (Phase::Closed, note));
        assert_eq!(frame.click(HONEST, PRICE, NOW), 0);
    }
    let mut blocked = Frame::new();
    blocked.boot(Start { stored: false, ..START });
    blocked.taken(None, NOW);
    assert_eq!(blocked.quoted(quote(None), NOW), SHOW);
    assert_eq!((blocked.phase(), blocked.note()), (Phase::Closed, Note::NoStorage));
}

#[test]
fn one_click_pays_once() {
    let mut frame = paying();
    // Nothing that happens meanwhile begins a second payment.
    assert_eq!(frame.click(HONEST, PRICE, NOW), 0);
    assert_eq!(frame.signed(Some(Track::signed(1)), NOW), 0);
    assert_eq!((frame.typed(), frame.changed(true, true), frame.resume(NOW)), (0, 0, 0));
    let effects = frame.answered(code(1), NOW);
    assert_eq!(effects, SETTLE | SHOW | TELL_PAID | SPREAD | UNSEAL);
    assert_eq!((frame.phase(), frame.note()), (Phase::Done, Note::Paid));
    assert_eq!((frame.click(HONEST, PRICE, NOW), frame.answered(code(1), NOW)), (0, 0));
}

#[test]
fn each_answer_has_its_words() {
    use Phase::{Closed, Loading, Ready, Renewing};
    let told = SETTLE | SHOW | TELL_DECLINED;
    let rows = [
        (
            "already owned",
            code(2),
            SETTLE | SHOW | TELL_PAID | SPREAD | UNSEAL,
            Phase::Done,
            Note::Owned,
        ),
        ("unknown key", code(13), told, Ready, Note::Refused),
        ("expired", code(14), SETTLE | SHOW | QUOTE, Renewing, Note::None),
        ("number used", code(30), SETTLE | SHOW | QUOTE, Renewing, Note::None),
        ("forged", code(16), told, Closed, Note::Refused),
        ("revoked", code(32), told | FORGET_KEY, Ready, Note::Refused),
        ("exhausted", code(41), told | FORGET_KEY, Ready, Note::Refused),
        ("over cap", code(37), told, Ready, Note::Refused),
        ("price", code(39), told | QUOTE, Loading, Note::Refused),
        ("balance", code(40), told, Ready, Note::Refused),
        ("too fast", code(42), told, Ready, Note::Refused),
        ("unknown creator", code(43), told, Closed, Note::Refused),
        ("malformed", status(400), told, Ready, Note::Misunderstood),
        ("no answer", status(0), SHOW | PAUSE, Phase::Paying, Note::None),
        ("full", status(503), SHOW | PAUSE, Phase::Paying, Note::None),
    ];
    for (what, answer, effects, phase, note) in rows {
        let mut frame = paying();
        assert_eq!(frame.answered(answer, NOW), effects, "{what}");
        assert_eq!((frame.phase(), frame.note()), (phase, note), "{what}");
    }
}

#[test]
fn a_refusal_that_needs_the_wallet_opens_it_at_the_next_click() {
    // The frame believes that it may spend; the verifier knows better.
    for refusal in [13, 33, 36, 37, 40] {
        let mut frame = paying();
        frame.answered(code(refusal), NOW);
        assert_eq!(frame.click(HONEST, PRICE, NOW), SHOW | OPEN, "{refusal}");
        assert_eq!(frame.window(Window::Ready, true, NOW), QUESTION);
        assert_eq!(frame.window(Window::Allowed(Some(RICH)), true, NOW), CLOSE | SHOW | SIGN);
    }
}

#[test]
fn a_lost_answer_is_asked_for_until_it_is_known() {
    let mut frame = paying();
    assert_eq!(frame.answered(status(0), NOW), SHOW | PAUSE);
    assert_eq!((frame.phase(), frame.pause_ms()), (Phase::Paying, 400));
    assert_eq!(frame.resume(NOW), SEND);
    assert_eq!(frame.resume(NOW), 0, "one timer, one request");
    assert_eq!(frame.answered(status(500), NOW), SHOW | PAUSE);
    assert_eq!(frame.phase(), Phase::Asking);
    // The claim expires: it is asked about, no longer sent.
    assert_eq!(frame.resume(NOW + 200_000), ASK);
    let not_seen = Answer { not_seen: true, last: true, ..status(200) };
    let mut lost = paying();
    lost.answered(status(0), NOW);
    assert_eq!(lost.answered(not_seen, NOW + 1), SETTLE | SHOW | TELL_DECLINED);
    assert_eq!((lost.phase(), lost.note()), (Phase::Ready, Note::Lost));
    assert_eq!(frame.answered(code(1), NOW), SETTLE | SHOW | TELL_PAID | SPREAD | UNSEAL);
}

#[test]
fn a_claim_of_an_earlier_visit_is_settled_first() {
    let rows = [
        (code(1), SETTLE | TELL_PAID | TAKE, Note::LastPaid),
        (code(40), SETTLE | TAKE, Note::LastLost),
    ];
    for (answer, effects, note) in rows {
        let mut frame = Frame::new();
        frame.boot(START);
        assert_eq!(frame.taken(Some(Track::found(NOW + 1)), NOW), SHOW | SEND);
        assert_eq!(frame.note(), Note::Checking);
        assert_eq!(frame.answered(answer, NOW), effects);
        // One that has expired is only asked about.
        assert_eq!(frame.taken(Some(Track::found(NOW)), NOW), SHOW | ASK);
        let not_seen = Answer { not_seen: true, last: true, ..status(200) };
        assert_eq!(frame.answered(not_seen, NOW), SETTLE | TAKE);
        assert_eq!(frame.taken(None, NOW), SHOW | QUOTE);
        assert_eq!(frame.quoted(quote(Some(RICH)), NOW), SHOW);
        let told = frame.note();
        assert!(told == Note::LastLost || told == note, "{told:?}");
    }
}

/// The page puts an answer that says so as one about a claim that was never seen.
#[test]
fn what_was_given_back_meanwhile_is_not_paid() {
    let back = Answer { not_seen: true, last: true, ..code(1) };
    let mut frame = paying();
    assert_eq!(frame.answered(status(0), NOW), SHOW | PAUSE);
    assert_eq!(frame.answered(back, NOW), SETTLE | SHOW | TELL_DECLINED);
    assert_eq!((frame.phase(), frame.note()), (Phase::Ready, Note::Lost));
    let mut frame = Frame::new();
    frame.boot(START);
    frame.taken(Some(Track::found(NOW + 1)), NOW);
    assert_eq!(frame.answered(back, NOW), SETTLE | TAKE);
    assert_eq!(frame.note(), Note::LastLost);
}

#[test]
fn without_a_click_it_is_paid_at_once_or_nothing_happens() {
    let mut frame = ready(START, Some(RICH));
    assert_eq!(frame.click(NOBODY, PRICE, NOW), SHOW | SIGN);
    frame.signed(Some(Track::signed(NOW + 100_000)), NOW);
    assert_eq!(frame.answered(code(1), NOW), SETTLE | SHOW | TELL_PAID | SPREAD | UNSEAL);
    // Whatever is lacking: no window, and nothing dead.
    let stranger = Start { has_key: false, has_verifier: false, ..START };
    let soon = Spending { expires_at_ms: NOW + 10_000, ..RICH };
    for (start, spending) in [
        (stranger, None),
        (START, None),
        (START, Some(Spending { balance: 10, ..RICH })),
        (START, Some(soon)),
    ] {
        let mut frame = ready(start, spending);
        assert_eq!(frame.click(NOBODY, PRICE, NOW), SHOW, "{spending:?}");
        assert_eq!((frame.phase(), frame.due()), (Phase::Ready, None));
        // The visitor's own click is one as ever.
        assert_eq!(frame.click(HONEST, PRICE, NOW) & OPEN, OPEN);
    }
    // The verifier said that something is missing, and the next quote does not know it.
    for refusal in [13, 33, 36, 37, 40] {
        let mut frame = paying();
        frame.answered(code(refusal), NOW);
        assert_eq!(frame.quoted(quote(Some(RICH)), NOW), SHOW);
        assert_eq!(frame.click(NOBODY, PRICE, NOW), SHOW, "{refusal}");
        assert_eq!((frame.phase(), frame.due()), (Phase::Ready, None));
    }
}

#[test]
fn numbers_are_renewed_without_asking_but_not_for_ever() {
    let mut frame = paying();
    for _ in 0..RENEWALS_MAX {
        assert_eq!(frame.answered(code(30), NOW), SETTLE | SHOW | QUOTE);
        let fresh = Spending { last_sequence: 9, ..RICH };
        assert_eq!(frame.quoted(quote(Some(fresh)), NOW), SHOW | SIGN);
        assert_eq!(frame.floor(), 9);
        assert_eq!(frame.signed(Some(Track::signed(NOW + 1)), NOW), SHOW | SEND);
    }
    assert_eq!(frame.answered(code(30), NOW), SETTLE | SHOW | TELL_DECLINED);
    // A price that changed meanwhile is shown, never paid.
    let mut frame = paying();
    frame.answered(code(14), NOW);
    assert_eq!(frame.quoted(Quoted { price: Some(60_000), ..quote(Some(RICH)) }, NOW), SHOW);
    assert_eq!((frame.phase(), frame.note()), (Phase::Ready, Note::PriceChanged));
}

#[test]
fn a_doubtful_click_is_asked_about_in_place_and_a_hidden_one_in_the_window() {
    let mut frame = ready(START, Some(RICH));
    assert_eq!(frame.click(Evidence { trusted: false, ..HONEST }, PRICE, NOW), 0);
    assert_eq!(frame.click(HASTY, PRICE, NOW), SHOW);
    assert_eq!(frame.phase(), Phase::Confirm);
    assert_eq!(frame.click(Evidence { since_last_ms: 100, ..HONEST }, PRICE, NOW), 0);
    assert_eq!(frame.click(HASTY, PRICE, NOW), SHOW | SIGN);

    let mut frame = ready(START, Some(RICH));
    assert_eq!(frame.click(COVERED, PRICE, NOW), SHOW);
    assert_eq!(frame.click(COVERED, PRICE, NOW), SHOW | OPEN);
    assert!(frame.forces());
    // Closed without a word: nothing was confirmed, although the allowance would do.
    assert_eq!(frame.window(Window::Ready, true, NOW), QUESTION);
    assert_eq!(frame.window(Window::Closed, true, NOW), QUOTE);
    assert_eq!(frame.quoted(quote(Some(RICH)), NOW), SHOW | TELL_DECLINED);
    assert_eq!(frame.note(), Note::Cancelled);
}

#[test]
fn what_the_wallet_window_does() {
    let stranger = Start { has_key: false, has_verifier: false, ..START };
    // Key and window can be ready in either order; the question needs both.
    let mut frame = ready(stranger, None);
    assert_eq!(frame.click(HONEST, PRICE, NOW), SHOW | OPEN | MAKE_KEY);
    assert_eq!(frame.click(HONEST, PRICE, NOW), FOCUS);
    assert_eq!(frame.window(Window::Ready, false, NOW), 0);
    assert_eq!(frame.key_made(true), QUESTION);
    assert_eq!(frame.window(Window::Allowed(Some(RICH)), true, NOW), CLOSE | SHOW | SIGN);

    let told = SHOW | TELL_DECLINED;
    let poor = Some(Spending { balance: 0, ..RICH });
    let rows = [
        (Window::Declined, true, CLOSE | told, Phase::Ready, Note::Cancelled),
        (Window::Closed, false, told, Phase::Ready, Note::Cancelled),
        (Window::Allowed(None), true, CLOSE | told, Phase::Ready, Note::Cancelled),
        (Window::Allowed(poor), true, CLOSE | told, Phase::Ready, Note::Cancelled),
        (Window::Unopened, false, SHOW, Phase::Closed, Note::NoWindow),
    ];
    for (said, has_verifier, effects, phase, note) in rows {
        let mut frame = ready(stranger, None);
        frame.click(HONEST, PRICE, NOW);
        frame.key_made(true);
        assert_eq!(frame.window(said, has_verifier, NOW), effects, "{said:?}");
        assert_eq!((frame.phase(), frame.note()), (phase, note), "{said:?}");
        // What comes late from a window that is done with changes nothing.
        assert_eq!(frame.window(Window::Allowed(Some(RICH)), true, NOW), 0);
    }
    // Closed by hand after "Allow": what it registered counts.
    let mut frame = ready(stranger, None);
    frame.click(HONEST, PRICE, NOW);
    frame.key_made(true);
    assert_eq!(frame.window(Window::Closed, true, NOW), QUOTE);
    assert_eq!(frame.quoted(quote(Some(RICH)), NOW), SHOW | SIGN);
    // The browser lets nothing be stored after all.
    let mut frame = ready(stranger, None);
    frame.click(HONEST, PRICE, NOW);
    assert_eq!(frame.key_made(false), SHOW | CLOSE);
    assert_eq!(frame.note(), Note::NoStorage);
}

#[test]
fn what_is_lacking_opens_the_window_within_the_click() {
    let rows = [
        None,
        Some(Spending { cap: 10, ..RICH }),
        Some(Spending { per_claim_max: 10, ..RICH }),
        Some(Spending { balance: 10, ..RICH }),
        Some(Spending { expires_at_ms: 0, ..RICH }),
    ];
    for spending in rows {
        assert_eq!(ready(START, spending).click(HONEST, PRICE, NOW), SHOW | OPEN, "{spending:?}");
    }
}

#[test]
fn spending_is_counted_between_two_quotes() {
    let give = Start { donates: true, ..START };
    let mut frame = ready(give, Some(Spending { cap: 2 * PRICE, ..RICH }));
    for _ in 0..2 {
        assert_eq!(frame.click(HONEST, PRICE, NOW), SHOW | SIGN);
        frame.signed(Some(Track::signed(NOW + 1)), NOW);
        frame.answered(code(1), NOW);
        assert_eq!((frame.phase(), frame.note()), (Phase::Ready, Note::Thanks));
    }
    assert_eq!(frame.click(HONEST, PRICE, NOW), SHOW | OPEN);
    // An amount out of bounds is no click at all.
    let mut frame = ready(give, Some(RICH));
    assert_eq!((frame.click(HONEST, 0, NOW), frame.click(HONEST, u64::MAX, NOW)), (0, 0));
    assert_eq!(frame.typed(), SHOW);
}

#[test]
fn no_quote() {
    let quoted = |answer| Quoted { answer, whole: false, ..quote(None) };
    let rows = [
        (404, SHOW | TELL_ERROR, Phase::Closed, Note::NotForSale),
        (403, SHOW | TELL_ERROR, Phase::Closed, Note::NotASite),
        (400, SHOW | TELL_ERROR, Phase::Closed, Note::BadTag),
        (401, QUOTE, Phase::Loading, Note::None),
        (0, PAUSE, Phase::Loading, Note::None),
        (503, PAUSE, Phase::Loading, Note::None),
        (200, PAUSE, Phase::Loading, Note::None),
    ];
    for (code, effects, phase, note) in rows {
        let mut frame = Frame::new();
        frame.boot(START);
        frame.taken(None, NOW);
        assert_eq!(frame.quoted(quoted(status(code)), NOW), effects, "{code}");
        assert_eq!((frame.phase(), frame.note()), (phase, note), "{code}");
    }
    let mut frame = Frame::new();
    frame.boot(START);
    frame.taken(None, NOW);
    for _ in 1..QUOTE_TRIES_MAX {
        assert_eq!(frame.quoted(quoted(status(0)), NOW), PAUSE);
        assert_eq!(frame.resume(NOW), QUOTE);
    }
    assert_eq!(frame.quoted(quoted(status(0)), NOW), SHOW);
    assert_eq!((frame.phase(), frame.note()), (Phase::Stuck, Note::Offline));
    // The network comes back, or the visitor tries again.
    assert_eq!(frame.resume(NOW), SHOW | QUOTE);
    assert_eq!(frame.quoted(quote(None), NOW), SHOW);
    assert_eq!(frame.phase(), Phase::Ready);
}

#[test]
fn what_is_owned_stays_open() {
    let mut frame = Frame::new();
    frame.boot(START);
    frame.taken(None, NOW);
    let owned = Quoted { owned: true, ..quote(Some(RICH)) };
    assert_eq!(frame.quoted(owned, NOW), SHOW | TELL_PAID | UNSEAL);
    assert_eq!((frame.phase(), frame.note()), (Phase::Done, Note::Owned));
    assert_eq!(frame.unopened(), SHOW | TELL_ERROR);
    // Another tab pays: this one finds out.
    let mut frame = ready(START, Some(RICH));
    assert_eq!(frame.changed(true, true), QUOTE);
    assert_eq!(frame.quoted(owned, NOW), SHOW | TELL_PAID | UNSEAL);
}

#[test]
fn another_tab_took_a_new_key() {
    let mut frame = ready(START, Some(RICH));
    frame.click(HONEST, PRICE, NOW);
    assert_eq!(frame.signed(None, NOW), SETTLE | SHOW | TELL_DECLINED);
    assert_eq!(frame.note(), Note::NoKey);
    assert_eq!(frame.click(HONEST, PRICE, NOW), SHOW | OPEN);
}

/// The page's files name phases and notes by their numbers.
#[test]
fn the_page_names_the_same_sentences() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../www/frame/");
    let words = std::fs::read_to_string([root, "words.js"].concat()).unwrap();
    let names: Vec<_> = words
        .lines()
        .filter_map(|line| line.trim().strip_prefix("[\"")?.split_once('"'))
        .map(|(name, _)| name.strip_prefix('$').unwrap_or("None"))
        .collect();
    assert_eq!(names, Note::NAMES);
    for (name, note) in [("REFUSED", Note::Refused), ("THANKS", Note::Thanks)] {
        let line = format!("\nconst {name} = {};\n", note as u8);
        assert!(words.contains(&line), "{line}");
    }
    let page = std::fs::read_to_string([root, "frame.js"].concat()).unwrap();
    let list = page.split_once("const PHASES =").unwrap().1.split('"').nth(1).unwrap();
    assert_eq!(list.split(',').count(), Phase::NAMES.len());
    let effects = page.split_once("const EFFECTS = [").unwrap().1.split_once("\n];").unwrap().0;
    let count = effects.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let count = count.filter(|line| !line.starts_with("  }")).count();
    assert_eq!(1 << (count - 1), PAUSE, "one entry for each bit");
}

#[test]
fn word_from_a_wallet_page_that_was_cut_off() {
    for (donates, phase, note) in
        [(false, Phase::Done, Note::Paid), (true, Phase::Ready, Note::Thanks)]
    {
        let mut frame =
            ready(Start { donates, has_key: false, has_verifier: false, ..START }, None);
        assert_eq!(frame.told(), 0, "nothing was sent anywhere");
        frame.click(HONEST, PRICE, NOW);
        frame.window(Window::Unopened, false, NOW);
        assert_eq!(frame.told(), SHOW | TELL_PAID | UNSEAL);
        assert_eq!((frame.phase(), frame.note()), (phase, note));
        assert_eq!(frame.told(), 0, "once");
    }
}
