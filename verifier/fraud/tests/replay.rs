//! Whole replays: what is found, whom it blames, and what must never change.

use std::collections::BTreeSet;

use farthing_fraud::event::{Event, Kind};
use farthing_fraud::finding::Finding;
use farthing_fraud::generate::{Trace, trace};
use farthing_fraud::replay::Replay;
use farthing_fraud::stream;

fn run(trace: &Trace, events: usize) -> Vec<Finding> {
    let (mut replay, mut out) = (Replay::default(), Vec::new());
    for (line, event) in trace.events.iter().take(events).enumerate() {
        replay.event(line as u64, event, &mut out).expect("the trace is sorted");
    }
    replay.finish(&mut out);
    out
}

fn accused(findings: &[Finding]) -> BTreeSet<String> {
    let wallets = findings.iter().filter(|finding| finding.accuse && finding.culprit.is_none());
    wallets.map(|finding| finding.subject.clone()).collect()
}

#[test]
fn farms_are_found_and_the_honest_left_alone() {
    let seed = 9_001;
    let trace = trace(seed, true);
    let findings = run(&trace, usize::MAX);
    let (mut false_ones, mut found) = (0, 0);
    for subject in accused(&findings) {
        let number: usize = subject.strip_prefix('w').expect("only wallets").parse().unwrap();
        if trace.fraud[number] { found += 1 } else { false_ones += 1 }
    }
    let fraud = trace.fraud.iter().filter(|&&fraud| fraud).count();
    assert!(found * 2 > fraud, "seed {seed}: {found} of {fraud} found");
    let honest = trace.fraud.len() - fraud;
    assert!(false_ones * 1_000 <= honest, "seed {seed}: {false_ones} of {honest} accused");
}

#[test]
fn evidence_is_never_empty_nor_later_and_names_the_subject() {
    let trace = trace(9_002, true);
    for finding in run(&trace, usize::MAX) {
        assert!(!finding.evidence.is_empty(), "{finding:?}");
        assert!(finding.explanation.chars().any(|letter| letter.is_ascii_digit()), "{finding:?}");
        assert!((0.0..=1.0).contains(&finding.score), "{finding:?}");
        for &n in &finding.evidence {
            let event = &trace.events[usize::try_from(n).unwrap()];
            assert!(event.t <= finding.t, "{finding:?} cites {event:?}");
            let wallet = match &event.kind {
                Kind::Register { wallet, .. } | Kind::TopUp { wallet, .. } => wallet,
                Kind::Claim(claim) => &claim.wallet,
                other => panic!("{finding:?} cites {other:?}"),
            };
            assert_eq!(*wallet, finding.subject);
        }
    }
}

#[test]
fn a_trace_cut_short_accuses_as_the_whole_one_had_by_then() {
    let trace = trace(9_003, true);
    let cut = trace.events.len() * 2 / 3;
    let until = trace.events[cut].t;
    let whole = run(&trace, usize::MAX);
    let part: Vec<Finding> = run(&trace, cut);
    let by_then: Vec<Finding> = whole.into_iter().filter(|finding| finding.t < until).collect();
    let part: Vec<Finding> = part.into_iter().filter(|finding| finding.t < until).collect();
    assert_eq!(accused(&by_then), accused(&part));
    assert!(!accused(&part).is_empty(), "the seed must accuse somebody early");
}

/// What people lift while a trace is read comes again from the ledger, between the same events.
#[test]
fn lifted_while_it_happened_or_read_later_the_findings_are_the_same() {
    let trace = trace(9_003, true);
    let (mut replay, mut live, mut lifted) = (Replay::default(), Vec::new(), BTreeSet::new());
    let mut ledger: Vec<Event<'_>> = Vec::new();
    for event in &trace.events {
        ledger.push(event.clone());
        let before = live.len();
        replay.event(0, event, &mut live).expect("the trace is sorted");
        for wallet in accused(&live[before..]) {
            let kind = Kind::Lifted { wallet: wallet.clone().into() };
            let lift = Event { n: event.n, t: event.t, kind };
            // One for each of two claims that were held.
            for _ in 0..2 {
                replay.event(0, &lift, &mut live).expect("not earlier");
                ledger.push(lift.clone());
            }
            lifted.insert(wallet);
        }
    }
    let (mut replay, mut again) = (Replay::default(), Vec::new());
    for event in &ledger {
        replay.event(0, event, &mut again).expect("as it was");
    }
    assert_eq!(again, live);
    let times = live.iter().filter(|finding| finding.accuse && finding.culprit.is_none()).count();
    assert_eq!(times, lifted.len(), "accused once each, lifted or not");
    let known = |findings: &[Finding]| {
        findings.iter().filter(|finding| finding.explanation.contains("are accused")).count()
    };
    assert!(known(&run(&trace, usize::MAX)) > 0, "the seed must know a network or a source");
    assert_eq!(known(&live), 0, "nobody counts who was lifted");
}

/// Replays lines and returns what is printed, and what is said about bad lines.
fn lines(text: &str, strict: bool) -> (Result<stream::Summary, String>, String, String) {
    let (mut out, mut said) = (Vec::new(), Vec::new());
    let done = stream::replay(text.as_bytes(), strict, &mut out, &mut said);
    let text = |bytes| String::from_utf8(bytes).expect("JSON is UTF-8");
    (done.map_err(|error| error.to_string()), text(out), text(said))
}

#[test]
fn bad_lines_are_said_and_left_out() {
    let trace = "{\"t\":1,\"kind\":\"register\",\"wallet\":\"w1\",\"free\":5}\nrubbish\n\
                 {\"t\":0,\"kind\":\"register\",\"wallet\":\"w2\"}\n\
                 {\"t\":2,\"kind\":\"claim\",\"id\":\"a\",\"wallet\":\"w1\",\"creator\":\"c1\",\"seq\":1,\
                 \"amount\":9,\"via\":\"c1\",\"sig_ok\":false}\n";
    let (done, out, said) = lines(trace, false);
    assert_eq!(done.unwrap(), stream::Summary { lines: 4, bad: 2, findings: 1 });
    assert!(said.contains("line 1: field (line)") && said.contains("line 2: field t"), "{said}");
    assert!(out.contains(r#""kind":"forged""#) && out.contains(r#""culprit":"c1""#), "{out}");
    let (done, _, _) = lines(trace, true);
    assert!(done.unwrap_err().contains("line 1"));
}

#[test]
fn lines_read_ahead_keep_their_order() {
    let mut text = String::new();
    for at in 0..3_000 {
        text.push_str(&format!("{{\"t\":{at},\"kind\":\"register\",\"wallet\":\"w{at}\"}}\n"));
        if at == 1_700 {
            text.push_str("rubbish\n");
        }
        if at % 1_000 == 999 {
            text.push_str(&format!(
                "{{\"t\":{at},\"kind\":\"claim\",\"id\":\"{at}\",\"wallet\":\"w{at}\",\"creator\":\"c1\",\"seq\":1,\
                 \"amount\":9,\"via\":\"c1\",\"sig_ok\":false}}\n"
            ));
        }
    }
    let (done, out, said) = lines(&text, false);
    assert_eq!(done.unwrap(), stream::Summary { lines: 3_004, bad: 1, findings: 3 });
    assert!(said.contains("line 1702: field (line)"), "{said}");
    let ids: Vec<usize> =
        (0..3).map(|at| out.find(&format!("claim:{at}999")).unwrap_or(0)).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{out}");
    let (done, out, _) = lines(&text, true);
    assert!(done.unwrap_err().contains("line 1702"));
    assert_eq!(out.lines().count(), 1, "what came before the bad line is told");
}

/// Claims of one wallet `w1` with 100 after registration: (id, seq, amount, via, signature) and the finding's kind and culprit.
#[test]
fn proofs_blame_who_did_it() {
    let register = r#"{"t":0,"kind":"register","wallet":"w1","free":100}"#;
    let claim = |t: u32, (id, seq, amount, via, ok): (&str, u32, u32, &str, bool)| {
        format!(
            r#"{{"t":{t},"kind":"claim","id":"{id}","wallet":"w1","creator":"c1","seq":{seq},"amount":{amount},"via":"{via}","sig_ok":{ok}}}"#
        )
    };
    let rows = [
        (("a", 1, 10, "w1", true), ""),
        (("a", 1, 10, "wallet", true), ""),
        (("a", 1, 10, "c7", true), r#""kind":"replay","score":1.0,"accuse":true"#),
        (("b", 1, 10, "c7", true), r#""culprit":"w1""#),
        (("z", 2, 10, "w9", false), r#""culprit":"w9""#),
        (("c", 2, 500, "w1", true), r#""kind":"overspend","score":1.0,"accuse":false"#),
        (("d", 2, 10, "w1", true), r#""kind":"equivocation""#),
    ];
    for (row, expected) in rows {
        let text = format!("{register}\n{}\n{}\n", claim(1, rows[0].0), claim(2, row));
        let text = if row.1 == 2 && row.0 == "d" {
            format!("{register}\n{}\n{}\n", claim(1, rows[5].0), claim(2, row))
        } else {
            text
        };
        let (_, out, _) = lines(&text, true);
        assert_eq!(out.is_empty(), expected.is_empty(), "{row:?}: {out}");
        assert!(out.contains(expected), "{row:?}: {out}");
    }
}
