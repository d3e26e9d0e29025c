//! The edge: a worker that is told what to check by messages and answers by messages. Every answer has
//! `said`, the word for what it is; `www/proofs/proofs.js` is the other side.
//!
//! ```text
//!  page                                      worker
//!                                        ◄── ready
//!  begin      key creator seen before    ──►
//!  statement  file share shares          ──► … progress done … share payments refunds looked invented | lie
//!  helped     looked invented            ──►
//!  finish                                ──► part payments refunds size checkpoint | lie
//!  follows    note                       ──►
//!  compare    payments total refunds refunded ──► proven … | lie
//!  receipt    key text                   ──► receipt … | lie
//!  follow     key old new proof          ──► followed size | lie
//! ```

use farthing_shared::Micros;
use farthing_shared::account::{Before, End};
use js_sys::{JsString, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::{Closure, JsValue, wasm_bindgen};
use wasm_bindgen::{JsCast, UnwrapThrowExt};
use web_sys::{DedicatedWorkerGlobalScope, MessageEvent};

use crate::check::{self, Check, STEP};
use crate::words::Said;

/// Listens from now on, and says so: what a page sends before that would be lost.
#[wasm_bindgen(start)]
pub fn start() {
    let scope: DedicatedWorkerGlobalScope = js_sys::global().unchecked_into();
    let mut worker = Worker { scope: scope.clone(), check: None };
    let listen = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
        worker.told(&event.data());
    });
    scope.set_onmessage(Some(listen.as_ref().unchecked_ref()));
    listen.forget();
    Answer::new("ready").post(&scope);
}

struct Worker {
    scope: DedicatedWorkerGlobalScope,
    check: Option<Check>,
}

impl Worker {
    fn told(&mut self, message: &JsValue) {
        let answer = self.act(message).unwrap_or_else(|said| Some(lie(&said)));
        if let Some(answer) = answer {
            answer.post(&self.scope);
        }
    }

    fn act(&mut self, message: &JsValue) -> Result<Option<Answer>, Said> {
        let say = |name: &str| text(message, name);
        match say("do").as_str() {
            "begin" => {
                let before = before(message)?;
                let (key, creator, seen) = (say("key"), say("creator"), say("seen"));
                self.check = Some(Check::begin(&key, &creator, &seen, before)?);
                Ok(None)
            }
            "statement" => self.statement(message).map(Some),
            "helped" => {
                let invented = Some(number(message, "invented")).filter(|entry| *entry > 0);
                self.check()?.helped(number(message, "looked") as usize, invented);
                Ok(None)
            }
            "finish" => {
                let (payments, refunds, size, checkpoint) = self.check()?.finish()?;
                let answer = Answer::new("part")
                    .number("payments", payments)
                    .number("refunds", refunds)
                    .number("size", size)
                    .text("checkpoint", checkpoint);
                Ok(Some(answer))
            }
            "follows" => {
                self.check()?.follows(&say("note"))?;
                Ok(None)
            }
            "compare" => {
                let proven = self.check()?.compare(
                    (number(message, "payments"), &say("total")),
                    (number(message, "refunds"), &say("refunded")),
                )?;
                let answer = Answer::new("proven")
                    .number("payments", proven.payments)
                    .text("paid", &proven.paid.to_decimal())
                    .text("total", &proven.total.to_decimal())
                    .number("refunds", proven.refunds)
                    .number("refunds_newer", proven.refunds_newer)
                    .text("refunded", &proven.refunded.to_decimal())
                    .text("left", &proven.left.to_decimal())
                    .number("size", proven.size)
                    .text("checkpoint", &proven.checkpoint)
                    .number("entry", proven.ends.payments.entry)
                    .number("refund_entry", proven.ends.refunds.entry);
                Ok(Some(answer))
            }
            "receipt" => check::receipt(&say("key"), &say("text")).map(|held| Some(receipt(&held))),
            "follow" => {
                let size = check::follow(&say("key"), &say("old"), &say("new"), &say("proof"))?;
                Ok(Some(Answer::new("followed").number("size", size)))
            }
            other => Err(Said::fault("The page asked for something unknown", other)),
        }
    }

    fn check(&mut self) -> Result<&mut Check, Said> {
        self.check.as_mut().ok_or_else(|| Said::fault("No check was begun", ""))
    }

    /// Opens a statement and checks the signatures of a share of it, with a word now and then.
    fn statement(&mut self, message: &JsValue) -> Result<Answer, Said> {
        let file = Reflect::get(message, &"file".into()).unwrap_throw();
        let file = Uint8Array::new(&file).to_vec();
        let (share, shares) = (number(message, "share"), number(message, "shares"));
        let scope = self.scope.clone();
        let check = self.check()?;
        let payments = check.open(&file)?;
        drop(file);
        let places = check::share(payments, share as usize, shares as usize);
        let mut at = places.start;
        while at < places.end && check.invented().is_none() {
            let end = places.end.min(at + STEP);
            check.signatures(at..end);
            Answer::new("progress").number("done", (end - at) as u64).post(&scope);
            at = end;
        }
        Ok(Answer::new("share")
            .number("payments", payments as u64)
            .number("refunds", check.refunds() as u64)
            .number("looked", check.looked() as u64)
            .number("invented", check.invented().unwrap_or(0)))
    }
}

/// What the page remembers to be proven of this creator's payments; nothing at the first time.
fn before(message: &JsValue) -> Result<Before, Said> {
    let held = Reflect::get(message, &"before".into()).unwrap_throw();
    if held.is_undefined() || held.is_null() {
        return Ok(Before::default());
    }
    let total = |name| {
        Micros::parse(&text(&held, name)).map_err(|why| {
            Said::fault("What this browser remembers cannot be read", &why.to_string())
        })
    };
    let end = |count, entry, sum| {
        let (number, entry) = (number(&held, count), number(&held, entry));
        Ok(End { number, entry, total: total(sum)? })
    };
    Ok(Before {
        payments: end("payments", "entry", "total")?,
        refunds: end("refunds", "refund_entry", "refunded")?,
    })
}

fn receipt(held: &check::Held) -> Answer {
    Answer::new("receipt")
        .number("entry", held.entry)
        .number("number", held.number)
        .text("amount", &held.amount.to_decimal())
        .text("currency", &held.currency)
        .text("creator", &held.creator)
        .text("claim", &held.claim)
        .number("size", held.size)
        .text("checkpoint", &held.checkpoint)
}

fn lie(said: &Said) -> Answer {
    Answer::new("lie").text("lie", said.lie).text("title", &said.title).text("text", &said.text)
}

/// A message to the page.
struct Answer(Object);

impl Answer {
    fn new(said: &str) -> Self {
        Self(Object::new()).text("said", said)
    }

    fn text(self, name: &str, value: &str) -> Self {
        self.set(name, &JsString::from(value))
    }

    /// Numbers of entries and payments are far below 2⁵³, where a JavaScript number is exact.
    fn number(self, name: &str, value: u64) -> Self {
        self.set(name, &JsValue::from_f64(value as f64))
    }

    fn set(self, name: &str, value: &JsValue) -> Self {
        Reflect::set(&self.0, &name.into(), value).unwrap_throw();
        self
    }

    fn post(&self, scope: &DedicatedWorkerGlobalScope) {
        scope.post_message(&self.0).unwrap_throw();
    }
}

fn text(message: &JsValue, name: &str) -> String {
    Reflect::get(message, &name.into()).ok().and_then(|v| v.as_string()).unwrap_or_default()
}

fn number(message: &JsValue, name: &str) -> u64 {
    Reflect::get(message, &name.into()).ok().and_then(|v| v.as_f64()).unwrap_or(0.0) as u64
}
