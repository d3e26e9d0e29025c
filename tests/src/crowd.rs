//! Visitors who pay at the same time, and remember what they were told.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use farthing_shared::SignedClaim;

use crate::actors::Visitor;
use crate::stock::next_claim;
use crate::wire::{Reply, Wire};

/// A claim that was acknowledged: the visitor was told that it is entry so-and-so.
#[derive(Debug, Clone)]
pub struct Paid {
    /// The claim.
    pub claim: SignedClaim,
    /// Its entry.
    pub entry: u64,
}

/// What visitors remember.
#[derive(Debug, Default)]
pub struct Memory {
    /// Claims that were acknowledged.
    pub paid: Vec<Paid>,
    /// Claims that were sent and never answered: charged or not, nobody was told.
    pub unanswered: Vec<SignedClaim>,
    /// Claims whose answer was "unknown".
    pub unknown: Vec<SignedClaim>,
}

/// How visitors pay.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Where.
    pub address: SocketAddr,
    /// Connections at once; each has visitors of its own.
    pub connections: usize,
    /// Claims in a request; 1 is the JSON route.
    pub together: usize,
    /// Requests of each connection at most.
    pub requests: usize,
}

/// Lets visitors pay until all requests are made or the server is gone.
///
/// # Panics
/// When a claim is answered with anything but "paid" or "unknown".
#[must_use]
pub fn pay(visitors: &mut [Visitor], manner: Manner) -> Memory {
    let all = Mutex::new(Memory::default());
    let each = visitors.len().div_ceil(manner.connections).max(1);
    thread::scope(|scope| {
        for some in visitors.chunks_mut(each) {
            scope.spawn(|| {
                let memory = pay_on_one_connection(some, manner);
                let mut all = all.lock().expect("no thread panics while it holds this");
                all.paid.extend(memory.paid);
                all.unanswered.extend(memory.unanswered);
                all.unknown.extend(memory.unknown);
            });
        }
    });
    all.into_inner().expect("no thread panics while it holds this")
}

fn pay_on_one_connection(visitors: &mut [Visitor], manner: Manner) -> Memory {
    let mut memory = Memory::default();
    let Ok(mut wire) = Wire::connect(manner.address) else { return memory };
    let count = visitors.len();
    let turn = AtomicUsize::new(0);
    for _ in 0..manner.requests {
        let claims: Vec<SignedClaim> = (0..manner.together)
            .map(|_| next_claim(&mut visitors[turn.fetch_add(1, Ordering::Relaxed) % count]))
            .collect();
        let sent = match claims.as_slice() {
            [one] => wire.claim(one),
            many => wire.claims(many),
        };
        let Ok(reply) = sent else {
            memory.unanswered.extend(claims);
            return memory;
        };
        if reply.word("code") == "outcome_unknown" {
            memory.unknown.extend(claims);
            return memory;
        }
        let entries = entries(&reply, manner.together);
        memory
            .paid
            .extend(claims.into_iter().zip(entries).map(|(claim, entry)| Paid { claim, entry }));
    }
    memory
}

/// The entries of an answer in which every claim is paid.
///
/// # Panics
/// When one is not.
#[must_use]
pub fn entries(reply: &Reply, claims: usize) -> Vec<u64> {
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert_eq!(reply.status, 200, "{text}");
    if claims == 1 {
        assert_eq!(reply.word("outcome"), "accepted", "{text}");
        return vec![reply.json()["entry"].as_u64().expect("an accepted claim has an entry")];
    }
    assert_eq!(reply.body.len(), claims * 16);
    let entry = |answer: &[u8]| {
        assert_eq!(answer[..2], [0, 1], "accepted");
        u64::from_be_bytes(answer[8..].try_into().expect("16 bytes each"))
    };
    reply.body.chunks_exact(16).map(entry).collect()
}
