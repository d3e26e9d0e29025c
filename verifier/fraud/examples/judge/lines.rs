//! A trace as the judging interface's JSON lines.

use std::io::Write;

use farthing_fraud::event::{Claim, Event, Kind};
use farthing_fraud::generate::Dice;
use serde_json::{Value, json};

use crate::town::Trace;

pub fn print(trace: &Trace) {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for event in &trace.events {
        if writeln!(out, "{}", line(event)).is_err() {
            return;
        }
    }
}

fn line(event: &Event<'_>) -> Value {
    let mut value = match &event.kind {
        Kind::Register { wallet, prefix, free } => {
            json!({"kind": "register", "wallet": wallet, "prefix": prefix, "free": free})
        }
        Kind::TopUp { wallet, amount, fund } => {
            json!({"kind": "topup", "wallet": wallet, "amount": amount, "fund": fund})
        }
        Kind::Claim(Claim { id, wallet, creator, seq, amount, prefix, via, sig_ok }) => {
            json!({"kind": "claim", "id": id, "wallet": wallet, "creator": creator, "seq": seq,
                "amount": amount, "prefix": prefix, "via": via, "sig_ok": sig_ok})
        }
        Kind::Refund { id, wallet, creator, amount } => {
            json!({"kind": "refund", "id": id, "wallet": wallet, "creator": creator, "amount": amount})
        }
        Kind::Payout { creator, amount, fund } => {
            json!({"kind": "payout", "creator": creator, "amount": amount, "fund": fund})
        }
        Kind::Lifted { .. } | Kind::Other => json!({"kind": "other"}),
    };
    value["n"] = json!(event.n);
    value["t"] = json!(event.t);
    value
}

/// A large honest trace, as fast as it can be written: what a replay is timed on. One creator per thousand claims,
/// heavy-tailed; each wallet returns to its own few creators.
pub fn print_large(claims: u64, wallets: u64) {
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let mut dice = Dice::new(claims ^ wallets);
    let creators = (claims / 1_000).max(20) as f64;
    let span = 60.0 * 86_400.0;
    let (mut born, mut n) = (0u64, 0u64);
    let mut seqs = vec![0u32; usize::try_from(wallets).unwrap_or(0)];
    for claim in 0..claims {
        let t = claim as f64 / claims as f64 * span;
        while born < wallets
            && (born as f64) < 1.0 + claim as f64 / claims as f64 * wallets as f64 * 1.2
        {
            let prefix = dice.whole(0, wallets / 4);
            let line = format!(
                r#"{{"n":{n},"t":{t:.3},"kind":"register","wallet":"w{born}","prefix":"p{prefix}","free":50}}"#
            );
            let top = format!(
                r#"{{"n":{},"t":{t:.3},"kind":"topup","wallet":"w{born}","amount":1000,"fund":"f{born}"}}"#,
                n + 1
            );
            if writeln!(out, "{line}\n{top}").is_err() {
                return;
            }
            (born, n) = (born + 1, n + 2);
        }
        let wallet = dice.whole(0, born - 1);
        let taste = Dice::new(wallet * 8 + dice.whole(0, 7)).unit();
        let creator = (creators * taste * taste * taste) as u64;
        let seq = &mut seqs[usize::try_from(wallet).unwrap_or(0)];
        *seq += 1;
        let line = format!(
            r#"{{"n":{n},"t":{t:.3},"kind":"claim","id":"h{claim}","wallet":"w{wallet}","creator":"c{creator}","seq":{seq},"amount":5,"prefix":"p{}","via":"wallet","sig_ok":true}}"#,
            wallet % 1_000
        );
        if writeln!(out, "{line}").is_err() {
            return;
        }
        n += 1;
    }
}
