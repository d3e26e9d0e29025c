//! The load generator: requests that were written beforehand, over plain sockets, from one thread,
//! so that it takes as little as possible of the processors that it shares with the server.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::SignedClaim;
use farthing_verifier::clock::monotonic;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;

/// Requests, written out, and how many claims each carries.
#[derive(Clone)]
pub struct Work {
    requests: Rc<Vec<Vec<u8>>>,
    claims_each: usize,
}

impl Work {
    /// One claim a request, as JSON.
    pub fn singles(claims: &[SignedClaim]) -> Self {
        let requests = claims.iter().map(|claim| {
            let text = Base64UrlUnpadded::encode_string(&claim.encode());
            request(
                "/v1/claims",
                "application/json",
                format!("{{\"claim\":\"{text}\"}}").as_bytes(),
            )
        });
        Self { requests: Rc::new(requests.collect()), claims_each: 1 }
    }

    /// Many claims a request, as bytes.
    pub fn batches(claims: &[SignedClaim], claims_each: usize) -> Self {
        let requests = claims.chunks(claims_each).map(|some| {
            let body: Vec<u8> = some.iter().flat_map(SignedClaim::encode).collect();
            request("/v1/claims/batch", "application/octet-stream", &body)
        });
        Self { requests: Rc::new(requests.collect()), claims_each }
    }
}

fn request(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// How a load is driven.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Where to.
    pub server: SocketAddr,
    /// The third number of the loopback address that the load comes from: its network prefix.
    pub from: u8,
    /// Keep-alive connections, each with one request under way.
    pub connections: usize,
    /// Requests a second over all connections; 0 for as many as are answered.
    pub paced: u32,
    /// What an answer must be.
    pub expects: Expects,
    /// Whether requests are sent again from the start when all are used up.
    pub repeats: bool,
    /// Whether the entries of single claims are kept, which takes some time of the generator.
    pub keeps_entries: bool,
}

/// What an answer must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expects {
    /// Every claim charged, or 503 with Retry-After.
    Charged,
    /// Every claim refused as forged, or 429.
    Forged,
    /// The same bytes as were sent.
    Echo,
}

/// What came of a load.
#[derive(Default)]
pub struct Outcome {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Claims answered as expected.
    pub claims: u64,
    /// Requests answered 429 or 503 with Retry-After.
    pub shed: u64,
    /// Everything else, in words, the first few.
    pub failures: Vec<String>,
    /// Microseconds of each request answered as expected, sorted.
    pub micros: Vec<u32>,
    /// When a claim was sent, and its entry; where they are kept.
    pub entries: Vec<(Instant, u64)>,
}

impl Outcome {
    /// Claims a second.
    pub fn rate(&self) -> f64 {
        self.claims as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }

    /// The time that this share of the requests stayed below, in milliseconds.
    pub fn quantile_ms(&self, share: f64) -> f64 {
        let last = self.micros.len().saturating_sub(1);
        let at = (share * last as f64).round() as usize;
        self.micros.get(at).map_or(f64::NAN, |micros| f64::from(*micros) / 1_000.0)
    }

    /// An error unless everything was answered as expected and nothing was shed.
    pub fn clean(self) -> Result<Self, String> {
        if let Some(failure) = self.failures.first() {
            return Err(format!("{} requests failed, such as: {failure}", self.failures.len()));
        }
        if self.shed > 0 {
            return Err(format!("{} requests were shed where none should be", self.shed));
        }
        if self.claims == 0 {
            return Err("nothing was answered".into());
        }
        Ok(self)
    }
}

/// Drives loads at the same time until each has used up its requests or `longest` has passed, on a
/// thread of their own.
pub fn run(loads: Vec<(Shape, &Work)>, longest: Duration) -> Result<Vec<Outcome>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        let mut tasks = Vec::new();
        for (shape, work) in loads {
            tasks.push(start(shape, work, longest).await?);
        }
        let mut outcomes = Vec::new();
        for task in tasks {
            outcomes.push(task.finish().await?);
        }
        Ok(outcomes)
    })
}

struct Started {
    shared: Rc<Shared>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

struct Shared {
    shape: Shape,
    work: Work,
    started: Instant,
    until: Instant,
    outcome: RefCell<Outcome>,
}

async fn start(shape: Shape, work: &Work, longest: Duration) -> Result<Started, String> {
    let mut streams = Vec::with_capacity(shape.connections);
    for at in 0..shape.connections {
        streams.push(connect(shape, at).await.map_err(|error| format!("connecting: {error}"))?);
    }
    let started = monotonic();
    let shared = Rc::new(Shared {
        shape,
        work: work.clone(),
        started,
        until: started + longest,
        outcome: RefCell::default(),
    });
    let start = |(at, stream)| tokio::task::spawn_local(connection(shared.clone(), stream, at));
    let tasks = streams.into_iter().enumerate().map(start).collect();
    Ok(Started { shared, tasks })
}

impl Started {
    async fn finish(self) -> Result<Outcome, String> {
        for task in self.tasks {
            task.await.map_err(|error| format!("the load generator failed: {error}"))?;
        }
        let mut outcome = self.shared.outcome.take();
        outcome.micros.sort_unstable();
        Ok(outcome)
    }
}

/// Loopback addresses of one prefix in turn, since one address has too few ports for thousands of
/// connections that are opened again and again.
async fn connect(shape: Shape, at: usize) -> std::io::Result<TcpStream> {
    let last = u8::try_from(at % 200 + 1).unwrap_or(1);
    let socket = TcpSocket::new_v4()?;
    let local = IpAddr::V4(Ipv4Addr::new(127, 0, shape.from, last));
    socket.bind(SocketAddr::new(local, 0))?;
    let stream = socket.connect(shape.server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One connection sends every so-manieth request, and one that was shed again until it is done. So
/// the claims of one wallet, which stand a whole turn of all wallets apart, go through the same
/// connection and arrive in the order of their numbers.
async fn connection(shared: Rc<Shared>, mut stream: TcpStream, at: usize) {
    let mut buffer = vec![0; 64 << 10];
    let mut turns = 0_u32;
    let mut index = at;
    while monotonic() < shared.until {
        if index >= shared.work.requests.len() {
            if !shared.shape.repeats {
                return;
            }
            index = at % shared.work.requests.len();
        }
        if shared.shape.paced > 0 {
            shared.pace(at, turns).await;
        }
        turns = turns.saturating_add(1);
        let request = &shared.work.requests[index];
        let sent = monotonic();
        match exchange(&mut stream, request, &mut buffer).await {
            Ok(answer) if shared.is_shed(&answer) => {}
            Ok(answer) => {
                shared.count(request, &answer, &buffer, sent.elapsed());
                index += shared.shape.connections;
            }
            Err(error) => {
                shared.fail(format!("the connection broke: {error}"));
                return;
            }
        }
    }
}

impl Shared {
    fn is_shed(&self, answer: &Answer) -> bool {
        let shed = matches!(answer.status, 429 | 503)
            && answer.retry_after
            && self.shape.expects != Expects::Echo;
        self.outcome.borrow_mut().shed += u64::from(shed);
        shed
    }

    /// Waits until it is this request's turn.
    async fn pace(&self, connection: usize, sent_here: u32) {
        let connections = self.shape.connections as f64;
        let turn = f64::from(sent_here) * connections + connection as f64;
        let due = self.started + Duration::from_secs_f64(turn / f64::from(self.shape.paced));
        tokio::time::sleep_until(due.into()).await;
    }

    fn count(&self, request: &[u8], answer: &Answer, buffer: &[u8], took: Duration) {
        let body = &buffer[answer.body.clone()];
        let expected = match (self.shape.expects, answer.status) {
            (Expects::Charged, 200) => all_outcomes_are(body, self.work.claims_each, 1, "accepted"),
            (Expects::Forged, 200) => all_outcomes_are(body, self.work.claims_each, 16, "forged"),
            (Expects::Echo, 200) => request.ends_with(body) && !body.is_empty(),
            _ => false,
        };
        if !expected {
            self.fail(format!("status {}: {}", answer.status, describe(body)));
            return;
        }
        let mut outcome = self.outcome.borrow_mut();
        outcome.claims += self.work.claims_each as u64;
        outcome.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
        if let Some(entry) = self.shape.keeps_entries.then(|| entry_in(body)).flatten() {
            let sent = monotonic().checked_sub(took).unwrap_or(self.started);
            outcome.entries.push((sent, entry));
        }
        outcome.elapsed = self.started.elapsed();
    }

    fn fail(&self, why: String) {
        self.outcome.borrow_mut().failures.push(why);
    }
}

/// The entry in the answer to a single claim.
fn entry_in(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once("\"entry\":")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// An answer that should not have come, in words.
fn describe(body: &[u8]) -> String {
    if body.first() == Some(&b'{') {
        return String::from_utf8_lossy(body).into_owned();
    }
    let codes = body.chunks(16).filter_map(|answer| Some((answer.first()?, answer.get(1..3)?)));
    let odd = codes.filter(|(_, rest)| *rest != [1, 1]).map(|(_, rest)| format!("{rest:?}"));
    format!("codes and flags {}", odd.take(5).collect::<Vec<_>>().join(" "))
}

/// Whether every claim of an answer had one outcome, and was not a repeat.
fn all_outcomes_are(body: &[u8], claims: usize, code: u16, name: &str) -> bool {
    if body.first() == Some(&b'{') {
        let expected = format!("{{\"outcome\":\"{name}\"");
        let repeat = body.windows(14).any(|part| part == b"\"repeat\":true,");
        return claims == 1 && body.starts_with(expected.as_bytes()) && !repeat;
    }
    let [high, low] = code.to_be_bytes();
    let is_so = |answer: &[u8]| {
        answer.starts_with(&[high, low]) && answer.get(2).is_some_and(|f| f & 2 == 0)
    };
    body.len() <= claims * 16 && !body.is_empty() && body.chunks(16).all(is_so)
}

struct Answer {
    status: u16,
    retry_after: bool,
    body: std::ops::Range<usize>,
}

/// Sends a request and reads its answer into the buffer: status, length, nothing more.
async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    buffer: &mut Vec<u8>,
) -> std::io::Result<Answer> {
    stream.write_all(request).await?;
    let mut filled = 0;
    let mut head = None;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if head.is_none() {
            head = read_head(&buffer[..filled])?;
        }
        if let Some((status, retry_after, start, length)) = head {
            let end = start + length;
            if filled >= end {
                return Ok(Answer { status, retry_after, body: start..end });
            }
            if end > buffer.len() {
                buffer.resize(end, 0);
            }
        }
    }
}

fn read_head(bytes: &[u8]) -> std::io::Result<Option<(u16, bool, usize, usize)>> {
    let wrong = || std::io::Error::from(std::io::ErrorKind::InvalidData);
    let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| wrong())?;
    let status = head.get(9..12).and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    let (_, after) = head.split_once("content-length: ").ok_or_else(wrong)?;
    let length = after.split("\r\n").next().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
    Ok(Some((status, head.contains("retry-after: "), end + 4, length)))
}
