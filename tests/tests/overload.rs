//! Hostile and excessive HTTP against the real binary: it refuses in words, stays up, keeps its
//! memory, and nothing of it reaches the ledger.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use farthing_tests::crowd::{self, Manner};
use farthing_tests::daemon::Daemon;
use farthing_tests::stock::{Stock, next_claim};
use farthing_tests::wire::{Reply, Wire};
use farthing_verifier::clock::monotonic;
use tempfile::TempDir;

/// A server with nobody's money moved yet.
struct Place {
    daemon: Daemon,
    stock: Stock,
    entries: usize,
    _folder: TempDir,
}

impl Place {
    fn start(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let stock = Stock::new(&folder.path().join("data"), 64);
        let entries = stock.snapshot().entries.len();
        let daemon = Daemon::start(&stock.settings(), more, &folder.path().join("log"));
        Self { daemon, stock, entries, _folder: folder }
    }

    fn address(&self) -> SocketAddr {
        self.daemon.address
    }

    /// It still takes money, its log tells of no panic, and the ledger holds just these claims.
    fn stays_well(mut self, claims_before: usize) {
        let mut wire = Wire::connect(self.address()).expect("it still takes connections");
        let reply = wire.claim(&next_claim(&mut self.stock.visitors[0])).expect("an answer");
        assert_eq!(reply.word("outcome"), "accepted");
        let words = self.daemon.words();
        assert!(!words.contains("panicked"), "{words}");
        let status = self.daemon.stop();
        assert!(status.success(), "it stops in order: {status}");
        assert_eq!(self.stock.snapshot().entries.len(), self.entries + claims_before + 1);
    }
}

/// What every error must be, whoever made it.
fn is_problem(reply: &Reply, what: &str) {
    let text = String::from_utf8_lossy(&reply.body);
    assert!((400..=599).contains(&reply.status), "{what}: {} {text}", reply.status);
    assert_ne!(reply.status, 500, "{what}: {text}");
    let kind = reply.header("content-type").unwrap_or_default();
    assert_eq!(kind, "application/problem+json", "{what}: {} {text}", reply.status);
    let json = reply.json();
    for field in ["type", "title", "detail", "code"] {
        assert!(
            json[field].as_str().is_some_and(|v| !v.is_empty()),
            "{what}: no {field} in {text}"
        );
    }
    assert_eq!(json["status"].as_u64(), Some(u64::from(reply.status)), "{what}: {text}");
    assert_eq!(
        json["type"],
        format!("https://farthing.dev/errors/{}", json["code"].as_str().unwrap_or(""))
    );
}

/// Every route with what it may be asked, as in docs/api.md.
const ROUTES: &[(&str, &str)] = &[
    ("POST", "/v1/challenges"),
    ("POST", "/v1/wallets"),
    ("POST", "/v1/wallets/AAAA/top-ups"),
    ("POST", "/v1/allowances"),
    ("POST", "/v1/claims"),
    ("POST", "/v1/claims/batch"),
    ("POST", "/v1/creator/sessions"),
    ("PUT", "/v1/creator/items"),
];

const READS: &[&str] = &[
    "/v1/quote",
    "/v1/quote?creator=cr_x&origin=https://blog.example",
    "/v1/quote?creator=cr_AAAAAAAAAAAAAAAAAAAAAA&item=%00&origin=x",
    "/v1/wallets/AAAA",
    "/v1/wallets/AAAA/entries",
    "/v1/wallets/AAAA/entries?limit=-1",
    "/v1/allowances/AAAA",
    "/v1/allowances/%00",
    "/v1/claims/AAAA",
    "/v1/claims/AAAA?key=B&sequence=1e3",
    "/v1/claims/AAAA?key=B&sequence=18446744073709551616",
    "/v1/claims/AAAA?key=B&sequence=1&sequence=2",
    "/v1/creator",
    "/v1/creator/totals?days=1e3",
    "/v1/creator/claims?limit=0",
    "/v1/creator/claims.csv",
    "/v1/creator/statement?from=1e3",
    "/v1/creator/refusals?days=-1",
    "/v1/creator/evidence?cursor=%00",
    "/v1/creator/items",
    "/v1/creator/items/content-key",
    "/v1/creator/events",
    "/v1/nowhere",
    "/v1/claims/AAAA/more",
];

/// Bodies that no route takes, each with its name.
fn bad_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let deep = [vec![b'['; 2_000], vec![b']'; 2_000]].concat();
    vec![
        ("nothing", Vec::new()),
        ("garbage", vec![0xff, 0x00, 0xfe, 0x80, b'{']),
        ("zeros", vec![0; 256]),
        ("cut off", b"{\"claim\":\"AAAA".to_vec()),
        ("a number", b"7".to_vec()),
        ("null", b"null".to_vec()),
        ("an array", b"[]".to_vec()),
        ("wrong types", b"{\"claim\":1e3,\"opening\":[],\"voucher\":{},\"allowance\":false,\"token\":0.1}".to_vec()),
        ("a huge number", b"{\"claim\":18446744073709551616}".to_vec()),
        ("a doubled field", b"{\"claim\":\"A\",\"claim\":\"A\",\"token\":\"a\",\"token\":\"b\",\"voucher\":\"a\",\"voucher\":\"b\",\"opening\":\"\",\"opening\":\"\",\"allowance\":\"\",\"allowance\":\"\",\"name\":\"\",\"name\":\"\"}".to_vec()),
        ("an unknown field", b"{\"claim\":\"AAAA\",\"opening\":\"AAAA\",\"voucher\":\"AAAA\",\"allowance\":\"AAAA\",\"token\":\"AAAA\",\"x\":1}".to_vec()),
        ("a NUL", b"{\"claim\":\"\\u0000\",\"x\":\"\0\"}".to_vec()),
        ("not UTF-8", b"{\"claim\":\"\xff\xfe\"}".to_vec()),
        ("deep", deep),
    ]
}

#[test]
fn every_route_refuses_every_bad_body_in_words() {
    let place = Place::start(&[]);
    let mut wire = Wire::connect(place.address()).expect("a connection");
    for (method, path) in ROUTES {
        for (name, body) in bad_bodies() {
            for kind in ["application/json", "application/octet-stream", "text/html", ""] {
                // Asking for a challenge needs no body, so whatever JSON object comes is refused
                // only for its fields.
                let what = format!("{method} {path} with {name} as {kind:?}");
                let reply = wire.request(method, path, &[("content-type", kind)], &body);
                let reply = reply.unwrap_or_else(|error| panic!("{what}: {error}"));
                is_problem(&reply, &what);
            }
        }
        let reply = wire.request("PATCH", path, &[], b"{}").expect("an answer");
        is_problem(&reply, &format!("PATCH {path}"));
        assert_eq!(reply.status, 405, "PATCH {path}");
    }
    for path in READS {
        let reply = wire.get(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        is_problem(&reply, path);
        for sign in ["Farthing AAAA", "Farthing ", "Bearer x", "Basic AAAA", "Farthing \u{e9}"] {
            let reply = wire.request("GET", path, &[("authorization", sign)], &[]);
            let reply = reply.unwrap_or_else(|error| panic!("{path} with {sign:?}: {error}"));
            is_problem(&reply, &format!("{path} with {sign:?}"));
        }
    }
    place.stays_well(0);
}

#[test]
fn too_much_is_refused_without_being_read() {
    let place = Place::start(&[]);
    let open = || Wire::connect(place.address()).expect("a connection");
    let claims = "POST /v1/claims HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";

    // A gigabyte is announced: the answer comes before any of it is sent.
    let mut wire = open();
    wire.send(format!("{claims}content-length: 1073741824\r\n\r\n").as_bytes()).expect("sent");
    let reply = wire.reply().expect("an answer");
    is_problem(&reply, "a declared gigabyte");
    assert_eq!(reply.status, 413);

    // The same without a length: it ends at the bound of the route.
    for (path, bound) in [("/v1/claims", 4 << 10), ("/v1/claims/batch", 256_000)] {
        let mut wire = open();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/octet-stream\r\n\
             transfer-encoding: chunked\r\n\r\n"
        );
        wire.send(head.as_bytes()).expect("sent");
        let chunk = [b"1000\r\n".as_slice(), &[b'['; 0x1000], b"\r\n"].concat();
        // The server may close as soon as it has seen enough, so a write may fail.
        let sent = (0..=bound / 0x1000 + 8).take_while(|_| wire.send(&chunk).is_ok()).count();
        assert!(sent > bound / 0x1000, "it gave up within its bound, after {sent} chunks");
        let reply = wire.reply().expect("an answer");
        is_problem(&reply, path);
        assert_eq!(reply.status, 413, "{path}");
    }

    // A length and chunks at once is a request that two servers read differently.
    let mut wire = open();
    let both = format!("{claims}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    wire.send(both.as_bytes()).expect("sent");
    let reply = wire.reply().expect("an answer");
    assert!((400..500).contains(&reply.status), "{}", reply.status);
    for twice in
        ["content-length: 5\r\ncontent-length: 6\r\n\r\n{}", "content-length: +5\r\n\r\n{}"]
    {
        let mut wire = open();
        wire.send(format!("{claims}{twice}").as_bytes()).expect("sent");
        assert!(wire.is_closed(), "two lengths");
    }

    // Compressed bodies could grow without bound, so none is taken.
    for coding in ["gzip", "br", "deflate", "zstd", "identity, gzip"] {
        let headers = [("content-type", "application/json"), ("content-encoding", coding)];
        let reply = open().request("POST", "/v1/claims", &headers, &[0x1f, 0x8b, 8, 0]);
        let reply = reply.expect("an answer");
        is_problem(&reply, coding);
        assert_eq!(reply.status, 415, "{coding}");
    }

    // JSON a hundred thousand brackets deep, on the route with the largest JSON body.
    let deep = [vec![b'['; 50_000]].concat();
    let kind = [("content-type", "application/json")];
    let reply = open().request("POST", "/v1/allowances", &kind, &deep).expect("an answer");
    is_problem(&reply, "deep JSON");
    let reply = open().request("POST", "/v1/allowances", &kind, &[b'['; 100_000]);
    let reply = reply.expect("an answer");
    is_problem(&reply, "deeper JSON");
    assert_eq!(reply.status, 413);

    // A head that never ends.
    let mut wire = open();
    let _may_be_cut_off = wire.send(b"GET /v1/provider HTTP/1.1\r\nhost: a\r\nx: ");
    let line = [b'a'; 4_096];
    let sent = (0..64).take_while(|_| wire.send(&line).is_ok()).count();
    assert!(sent <= 64 && wire.is_closed(), "a head without end");
    place.stays_well(0);
}

/// Slow senders hold a connection, no more, and only for ten seconds.
#[test]
fn slow_senders_are_cut_off() {
    let place = Place::start(&[]);
    let address = place.address();
    let claims = "POST /v1/claims HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
    let rows: Vec<(&str, String, &[u8])> = vec![
        ("nothing", String::new(), b""),
        ("half a line", "GET /v1/prov".into(), b""),
        ("a head drop by drop", "GET /v1/provider HTTP/1.1\r\nx: ".into(), b"a"),
        ("headers without end", "GET /v1/provider HTTP/1.1\r\n".into(), b"x: a\r\n"),
        ("no body", format!("{claims}content-length: 100\r\n\r\n"), b""),
        ("a body drop by drop", format!("{claims}content-length: 4000\r\n\r\n"), b"["),
        (
            "chunks drop by drop",
            format!("{claims}transfer-encoding: chunked\r\n\r\n"),
            b"1\r\n[\r\n",
        ),
    ];
    thread::scope(|scope| {
        for (name, first, drop) in &rows {
            scope.spawn(move || {
                let mut wire = Wire::connect(address).expect("a connection");
                let started = monotonic();
                wire.send(first.as_bytes()).expect("sent");
                let mut more = wire.try_clone().expect("a second handle");
                let dripping = scope.spawn(move || {
                    while !drop.is_empty() && more.send(drop).is_ok() {
                        thread::sleep(Duration::from_millis(250));
                    }
                });
                assert!(wire.is_closed(), "{name}: still open");
                let took = started.elapsed();
                assert!(took < Duration::from_secs(15), "{name}: closed after {took:?}");
                wire.hang_up();
                dripping.join().expect("it only sends");
            });
        }
        // Meanwhile others are served.
        for _ in 0..20 {
            let reply = Wire::connect(address).and_then(|mut wire| wire.get("/v1/provider"));
            assert_eq!(reply.expect("an answer").status, 200);
            thread::sleep(Duration::from_millis(100));
        }
    });
    place.stays_well(0);
}

/// The bucket belongs to the connection's network, whatever the request says of itself.
#[test]
fn a_forged_forwarded_header_buys_no_fresh_bucket() {
    let place = Place::start(&[("FARTHING_LIMITS__REQUESTS_PER_PREFIX_PER_SECOND", "1")]);
    let mut wire = Wire::connect(place.address()).expect("a connection");
    let mut limited = None;
    for number in 0..30 {
        let forged = format!("198.51.{number}.7");
        let headers = [
            ("x-forwarded-for", forged.as_str()),
            ("forwarded", "for=192.0.2.43"),
            ("x-real-ip", forged.as_str()),
        ];
        let reply = wire.request("GET", "/v1/provider", &headers, &[]).expect("an answer");
        if reply.status == 429 {
            limited = Some(reply);
            break;
        }
        assert_eq!(reply.status, 200);
    }
    let reply = limited.expect("thirty requests at once go past one a second");
    is_problem(&reply, "rate limit");
    let wait: u64 = reply.header("retry-after").and_then(|v| v.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(place.daemon.stop().success());
}

/// Twenty batches of a thousand claims where a thousand may be under way: some are charged, the rest
/// is told to come back, and coming back settles all of them, once.
#[test]
fn what_does_not_fit_is_told_to_come_back() {
    const CONNECTIONS: usize = 8;
    let mut place = Place::start(&[("FARTHING_LIMITS__CLAIMS_IN_FLIGHT", "1000")]);
    let address = place.address();
    let shed = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for visitors in place.stock.visitors.chunks_mut(64 / CONNECTIONS) {
            let shed = &shed;
            scope.spawn(move || {
                let mut wire = Wire::connect(address).expect("a connection");
                let claims: Vec<_> = visitors
                    .iter_mut()
                    .flat_map(|v| (0..100).map(|_| next_claim(v)).collect::<Vec<_>>())
                    .collect();
                loop {
                    let reply = wire.claims(&claims).expect("an answer");
                    if reply.status != 503 {
                        let entries = crowd::entries(&reply, claims.len());
                        assert_eq!(entries.len(), claims.len());
                        break;
                    }
                    is_problem(&reply, "overload");
                    assert!(reply.header("retry-after").is_some_and(|v| v.parse::<u32>().is_ok()));
                    assert_eq!(reply.word("code"), "overloaded");
                    shed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
    });
    let shed = shed.into_inner();
    assert!(shed > 0, "eight batches of 800 fit where 1,000 may be under way");
    assert!(place.daemon.memory_most_mib() <= 256, "{} MiB", place.daemon.memory_most_mib());
    place.stays_well(64 * 100);
}

/// One claim sent a thousand times at once is charged once, and everybody hears the same entry.
#[test]
fn one_claim_a_thousand_times_in_parallel_is_charged_once() {
    let mut place = Place::start(&[]);
    let address = place.address();
    let claim = next_claim(&mut place.stock.visitors[1]);
    let replies: Vec<Reply> = thread::scope(|scope| {
        let ask = || {
            let mut wire = Wire::connect(address).expect("a connection");
            (0..50).map(|_| wire.claim(&claim).expect("an answer")).collect::<Vec<_>>()
        };
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().flat_map(|thread| thread.join().expect("it only asks")).collect()
    });
    let entry = crowd::entries(&replies[0], 1);
    assert!(replies.iter().all(|reply| crowd::entries(reply, 1) == entry));
    let fresh = replies.iter().filter(|reply| reply.json()["repeat"] == false).count();
    assert_eq!((replies.len(), fresh), (1_000, 1));
    place.stays_well(1);
}

/// A disk that fills up while visitors pay: what is answered as paid is there, the rest hears that it
/// was not charged, reads go on, and when there is room again so do payments, without hands.
#[test]
fn a_full_disk_is_told_and_survived() {
    let Some(disk) = SmallDisk::mount(8) else {
        eprintln!("LEFT OUT: a full disk needs root and a tmpfs");
        return;
    };
    let data = disk.path().join("data");
    let mut stock = Stock::new(&data, 16);
    let before = stock.snapshot().entries.len();
    let log = tempfile::NamedTempFile::new().expect("a log");
    let daemon = Daemon::start(&stock.settings(), &[], log.path());
    let ballast = disk.path().join("ballast");
    let mut wire = Wire::connect(daemon.address).expect("a connection");
    let mut paid = Vec::new();
    let mut refused = None;
    std::fs::write(&ballast, vec![0; 5 << 20]).expect("there is room for this yet");
    for number in 0..20_000 {
        let claim = next_claim(&mut stock.visitors[number % 16]);
        let reply = wire.claim(&claim).expect("an answer");
        if reply.status == 200 {
            paid.push((claim, crowd::entries(&reply, 1)));
        } else {
            refused = Some((claim, reply));
            break;
        }
    }
    let (claim, reply) = refused.expect("8 MiB are not endless");
    is_problem(&reply, "a full disk");
    assert_eq!((reply.status, reply.word("code").as_str()), (503, "overloaded"), "{reply:?}");
    assert!(reply.header("retry-after").is_some());
    let known = wire.status(&paid[0].0).expect("an answer");
    assert_eq!(known.word("outcome"), "accepted", "reads go on");
    let unknown = wire.status(&claim).expect("an answer");
    assert_eq!(unknown.word("outcome"), "not_seen", "nothing was charged");
    std::fs::remove_file(&ballast).expect("there is room again");
    let reply = wire.claim(&claim).expect("an answer");
    paid.push((claim, crowd::entries(&reply, 1)));
    assert!(daemon.stop().success());
    let snapshot = stock.snapshot();
    assert_eq!(snapshot.entries.len(), before + paid.len(), "each is there, once");
}

/// A file system of so many MiB in memory, gone with the test.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    fn path(&self) -> &std::path::Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Where this fails, the folder stays until the machine is started again.
        let _unmounted = std::process::Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn many_connections_are_served_side_by_side() {
    let mut place = Place::start(&[]);
    let manner = Manner { address: place.address(), connections: 64, together: 1, requests: 20 };
    let memory = crowd::pay(&mut place.stock.visitors, manner);
    assert_eq!(memory.paid.len(), 64 * 20);
    assert!(memory.unanswered.is_empty() && memory.unknown.is_empty());
    place.stays_well(64 * 20);
}

/// glibc reads its settings when a process starts, so a server starts itself once more, as the same process.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_server_sets_its_allocator_unless_its_operator_did() {
    let settings = |more: &[(&str, &str)]| {
        let place = Place::start(more);
        let environment = std::fs::read(format!("/proc/{}/environ", place.daemon.pid()));
        place.stays_well(0);
        let environment = environment.expect("a running process has an environment");
        let all = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let mut own: Vec<_> = all.filter(|line| line.starts_with("MALLOC_")).collect();
        own.sort_unstable();
        own.join(" ")
    };
    let usual = "MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072";
    assert_eq!(settings(&[]), usual);
    assert_eq!(settings(&[("MALLOC_ARENA_MAX", "7")]), "MALLOC_ARENA_MAX=7");
}

/// One network cannot take every place; what it gave back it can have again.
#[test]
fn connections_of_one_network_are_counted() {
    let place = Place::start(&[("FARTHING_LIMITS__CONNECTIONS_PER_PREFIX", "5")]);
    let answers = |wire: &mut Wire| {
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").and_then(|()| wire.reply())
    };
    let mut kept: Vec<Wire> = Vec::new();
    for _ in 0..10 {
        let mut wire = Wire::connect(place.address()).expect("the system takes it");
        if answers(&mut wire).is_ok_and(|reply| reply.status == 200) {
            kept.push(wire);
        }
    }
    // One place may still be that of the connection by which the start was noticed.
    assert!((4..=5).contains(&kept.len()), "{} connections were served", kept.len());
    kept.clear();
    // The server sees the ends a moment later.
    let served_again = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(10));
        Wire::connect(place.address()).is_ok_and(|mut wire| answers(&mut wire).is_ok())
    });
    assert!(served_again, "places are not given back");
    place.stays_well(0);
}
