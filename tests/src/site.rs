//! A web site made up for one test: a few pages from memory with headers of the test's choice.
//! It plays the creator's site, and the attacker's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::http::head_end;

/// One page: its headers (name and value) and its HTML.
#[derive(Clone, Default)]
pub struct Page {
    /// Headers beside `content-type` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// The document.
    pub html: String,
}

impl Page {
    /// A page without headers of its own: `body` in a document with an icon (or browsers would
    /// ask for one and log that there is none).
    #[must_use]
    pub fn of(body: &str) -> Self {
        let html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>A page</title><link rel=\"icon\" href=\"data:,\"><body>{body}</body></html>"
        );
        Self { headers: Vec::new(), html }
    }

    /// A page with Farthing's tag for `creator`.
    #[must_use]
    pub fn with_tag(provider: &str, creator: &str, body: &str) -> Self {
        let tag =
            format!("<script async src=\"{provider}/v1.js\" data-creator=\"{creator}\"></script>");
        Self::of(&format!("{tag}{body}"))
    }
}

/// A running site. It ends when it is dropped.
pub struct Site {
    /// The origin, such as `http://reader.localhost:41234`.
    pub origin: String,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    heard: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Site {
    /// Serves nothing yet, at `http://{name}.localhost` and a free port.
    ///
    /// # Panics
    /// When no port of loopback is free.
    pub async fn start(name: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port of loopback");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let pages = Arc::new(Mutex::new(HashMap::new()));
        let served = Arc::clone(&pages);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&served), Arc::clone(&ear)));
            }
        });
        Self { origin: format!("http://{name}.localhost:{port}"), pages, heard, task }
    }

    /// Every byte that browsers have sent here.
    ///
    /// # Panics
    /// When a task that served pages has panicked.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().expect("no task panics while it holds this").clone()
    }

    /// The page at `path`; an empty one where there is none.
    ///
    /// # Panics
    /// When a task that served pages has panicked.
    #[must_use]
    pub fn page(&self, path: &str) -> Page {
        let pages = self.pages.lock().expect("no task panics while it holds this");
        pages.get(path).cloned().unwrap_or_default()
    }

    /// Puts `page` at `path` and answers its address.
    ///
    /// # Panics
    /// When a task that served pages has panicked.
    pub fn put(&self, path: &str, page: Page) -> String {
        self.pages
            .lock()
            .expect("no task panics while it holds this")
            .insert(path.to_owned(), page);
        format!("{}{path}", self.origin)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    mut stream: TcpStream,
    pages: Arc<Mutex<HashMap<String, Page>>>,
    heard: Arc<Mutex<Vec<u8>>>,
) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while head_end(&bytes).is_none() {
        match stream.read(&mut buffer).await {
            Ok(count) if count > 0 && bytes.len() < 64_000 => {
                bytes.extend_from_slice(&buffer[..count]);
            }
            _ => return,
        }
    }
    if let Ok(mut heard) = heard.lock() {
        heard.extend_from_slice(&bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let path = text.split(' ').nth(1).unwrap_or("/").split('?').next().unwrap_or("/");
    let page = pages.lock().ok().and_then(|pages| pages.get(path).cloned());
    let answer = match page {
        Some(page) => {
            let headers = page
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect::<String>();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{}",
                page.html.len(),
                page.html
            )
        }
        None => {
            String::from("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
    };
    let _ = stream.write_all(answer.as_bytes()).await;
}
