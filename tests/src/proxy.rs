//! A network that loses answers: it stands between browser and verifier, lets every request
//! through, and drops the answer to those it was told to drop. That is the case a payment must
//! survive: the money has moved and nobody heard of it.
//!
//! It can also put a script before one that is served, for browsers whose driver cannot run one before a
//! page's own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::http::head_end;

/// Changes the body of an answer, as a lying provider would.
type Lie = Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>;
/// Answers a request line in the verifier's place.
type Stand = Arc<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

/// Requests whose line begins with this lose their answer.
struct Loss {
    line_start: String,
    left: usize,
}

#[derive(Default)]
struct Rules {
    loss: Mutex<Option<Loss>>,
    lost: AtomicUsize,
    lies: Mutex<Vec<(String, Lie)>>,
    stands: Mutex<Vec<(String, Stand)>>,
    lines: Mutex<Vec<String>>,
    before: Mutex<Option<(String, String)>>,
    cut: Mutex<Option<String>>,
    tape: Mutex<Option<Vec<u8>>>,
}

/// The running proxy. It ends when it is dropped.
pub struct Proxy {
    rules: Arc<Rules>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Forwards what `listener` accepts to `upstream`.
    #[must_use]
    pub fn start(listener: TcpListener, upstream: SocketAddr) -> Self {
        let rules = Arc::new(Rules::default());
        let shared = Arc::clone(&rules);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let rules = Arc::clone(&shared);
                tokio::spawn(async move {
                    let _ = carry(stream, upstream, &rules).await;
                });
            }
        });
        Self { rules, task }
    }

    /// From now on the answers to the next `count` requests are dropped whose line begins with
    /// `line_start`, such as `POST /v1/claims`.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    pub fn lose_answers(&self, line_start: &str, count: usize) {
        *self.rules.loss.lock().expect("no task panics while it holds this") =
            Some(Loss { line_start: line_start.to_owned(), left: count });
    }

    /// From now on the bodies of answers to requests whose line begins with `line_start` are what `lie`
    /// makes of them. A second lie for the same requests takes the place of the first.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    pub fn lie(&self, line_start: &str, lie: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static) {
        let mut lies = self.rules.lies.lock().expect("no task panics while it holds this");
        lies.retain(|(start, _)| start != line_start);
        lies.push((line_start.to_owned(), Arc::new(lie)));
    }

    /// From now on requests whose line begins with `line_start` are answered here, with what `stand`
    /// says to the whole line, and never reach the verifier: the body of a 200, or a whole answer that begins with
    /// `HTTP/1.1`. A second one takes the place of the first.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    pub fn stand_in(
        &self,
        line_start: &str,
        stand: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) {
        let mut stands = self.rules.stands.lock().expect("no task panics while it holds this");
        stands.retain(|(start, _)| start != line_start);
        stands.push((line_start.to_owned(), Arc::new(stand)));
    }

    /// From now on requests whose line begins with `line_start` get no answer and reach nobody; with an empty
    /// one nothing does.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    pub fn cut(&self, line_start: &str) {
        *self.rules.cut.lock().expect("no task panics while it holds this") =
            Some(line_start.to_owned());
    }

    /// Lets everything through again.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    pub fn heal(&self) {
        *self.rules.cut.lock().expect("no task panics while it holds this") = None;
    }

    /// Tells the truth again.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    pub fn be_honest(&self) {
        self.rules.lies.lock().expect("no task panics while it holds this").clear();
        self.rules.stands.lock().expect("no task panics while it holds this").clear();
    }

    /// From now on `script` stands before the one that is served at `path`.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    pub fn precede(&self, path: &str, script: &str) {
        *self.rules.before.lock().expect("no task panics while it holds this") =
            Some((format!("GET {path} "), script.to_owned()));
    }

    /// From now on everything that goes through is written down, uncompressed.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    pub fn record(&self) {
        *self.rules.tape.lock().expect("no task panics while it holds this") = Some(Vec::new());
    }

    /// What was written down since; nothing more is.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    pub fn recorded(&self) -> Vec<u8> {
        let mut tape = self.rules.tape.lock().expect("no task panics while it holds this");
        tape.take().unwrap_or_default()
    }

    /// How many answers were dropped.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.rules.lost.load(Ordering::SeqCst)
    }

    /// How many requests went through whose line begins with `line_start`.
    ///
    /// # Panics
    /// When a task of the proxy has panicked.
    #[must_use]
    pub fn count(&self, line_start: &str) -> usize {
        let lines = self.rules.lines.lock().expect("no task panics while it holds this");
        lines.iter().filter(|line| line.starts_with(line_start)).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Rules {
    fn records(&self) -> bool {
        self.tape.lock().is_ok_and(|tape| tape.is_some())
    }

    fn write_down(&self, bytes: &[u8]) {
        if let Ok(mut tape) = self.tape.lock()
            && let Some(tape) = tape.as_mut()
        {
            tape.extend_from_slice(bytes);
        }
    }

    fn script_before(&self, line: &str) -> Option<String> {
        let before = self.before.lock().ok()?;
        let (start, script) = before.as_ref()?;
        line.starts_with(start).then(|| script.clone())
    }

    fn loses(&self, line: &str) -> bool {
        if let Ok(mut lines) = self.lines.lock() {
            lines.push(line.to_owned());
        }
        let Ok(mut loss) = self.loss.lock() else { return false };
        match loss.as_mut() {
            Some(loss) if loss.left > 0 && line.starts_with(&loss.line_start) => {
                loss.left -= 1;
                true
            }
            _ => false,
        }
    }
}

impl Rules {
    fn is_cut(&self, line: &str) -> bool {
        let cut = self.cut.lock().expect("no task panics while it holds this");
        cut.as_ref().is_some_and(|start| line.starts_with(start))
    }
}

impl Rules {
    fn lie_for(&self, line: &str) -> Option<Lie> {
        let lies = self.lies.lock().ok()?;
        lies.iter().find(|(start, _)| line.starts_with(start)).map(|(_, lie)| Arc::clone(lie))
    }
}

impl Rules {
    fn stand_for(&self, line: &str) -> Option<Stand> {
        let stands = self.stands.lock().ok()?;
        stands.iter().find(|(start, _)| line.starts_with(start)).map(|(_, stand)| Arc::clone(stand))
    }
}

/// Changes the body and says its new length. An answer in chunks or without a body is left as it is.
fn altered(answer: Vec<u8>, lie: &Lie) -> Vec<u8> {
    let Some(end) = head_end(&answer) else { return answer };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let is_length = |field: &&str| field.to_ascii_lowercase().starts_with("content-length:");
    let fields: Vec<&str> = head.trim_end().split("\r\n").collect();
    if !fields.iter().any(is_length) {
        return answer;
    }
    let body = lie(answer[end..].to_vec());
    let mut kept: Vec<String> =
        fields.iter().filter(|field| !is_length(field)).map(|field| (*field).to_owned()).collect();
    kept.push(format!("content-length: {}\r\n\r\n", body.len()));
    [kept.join("\r\n").into_bytes(), body].concat()
}

/// One request per connection: the proxy asks both sides to close afterwards, so that it need
/// not understand where an answer ends. Streams stay open as long as the verifier sends.
async fn carry(mut client: TcpStream, upstream: SocketAddr, rules: &Rules) -> std::io::Result<()> {
    let Some((line, request)) = read_request(&mut client, rules).await? else { return Ok(()) };
    if rules.is_cut(&line) {
        if let Ok(mut lines) = rules.lines.lock() {
            lines.push(line);
        }
        return Ok(());
    }
    if let Some(stand) = rules.stand_for(&line) {
        if let Ok(mut lines) = rules.lines.lock() {
            lines.push(line.clone());
        }
        let body = tokio::task::spawn_blocking(move || stand(&line)).await?;
        if body.starts_with(b"HTTP/1.1 ") {
            return client.write_all(&body).await;
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        client.write_all(head.as_bytes()).await?;
        return client.write_all(&body).await;
    }
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(&request).await?;
    if rules.loses(&line) {
        // The whole answer is awaited first: the verifier has done its work when it is dropped.
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await?;
        rules.lost.fetch_add(1, Ordering::SeqCst);
        return Ok(());
    }
    if let Some(lie) = rules.lie_for(&line) {
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await?;
        return client.write_all(&altered(answer, &lie)).await;
    }
    if let Some(script) = rules.script_before(&line) {
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await?;
        return client.write_all(&preceded(&answer, &script)).await;
    }
    if rules.records() {
        let mut answer = Vec::new();
        server.read_to_end(&mut answer).await?;
        rules.write_down(&[&*request, b"\n", &*answer, b"\n"].concat());
        return client.write_all(&answer).await;
    }
    copy(&mut server, &mut client).await?;
    Ok(())
}

/// The answer with `script` before its body.
fn preceded(answer: &[u8], script: &str) -> Vec<u8> {
    let end = head_end(answer).unwrap_or(answer.len());
    let (head, body) = answer.split_at(end);
    let mut out = String::new();
    for line in String::from_utf8_lossy(head).trim_end().lines() {
        if !line.to_ascii_lowercase().starts_with("content-length:") {
            out.push_str(&format!("{line}\r\n"));
        }
    }
    out.push_str(&format!("content-length: {}\r\n\r\n{script}", script.len() + body.len()));
    [out.as_bytes(), body].concat()
}

/// Reads one whole request and answers its first line and its bytes, with `connection: close`.
async fn read_request(
    client: &mut TcpStream,
    rules: &Rules,
) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    let end = loop {
        if let Some(end) = head_end(&bytes) {
            break end;
        }
        let count = client.read(&mut buffer).await?;
        if count == 0 || bytes.len() > 1_000_000 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..count]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let rewritten = rules.script_before(&head).is_some() || rules.records();
    let mut length = 0;
    let mut fields = String::new();
    for field in head.trim_end().split("\r\n").skip(1) {
        let name = field.split(':').next().unwrap_or_default().to_ascii_lowercase();
        if name == "content-length" {
            length =
                field.split(':').nth(1).and_then(|value| value.trim().parse().ok()).unwrap_or(0);
        }
        // Uncompressed, a script can be put before another one.
        if name != "connection" && !(rewritten && name == "accept-encoding") {
            fields.push_str(field);
            fields.push_str("\r\n");
        }
    }
    while bytes.len() < end + length {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
    let line = head.lines().next().unwrap_or_default().to_owned();
    let mut request = format!("{line}\r\n{fields}connection: close\r\n\r\n").into_bytes();
    request.extend_from_slice(&bytes[end..]);
    Ok(Some((line, request)))
}
