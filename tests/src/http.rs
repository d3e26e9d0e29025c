//! A client for HTTP/1.1 with one request per connection: enough to ask the verifier what it
//! thinks, without a browser in between.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::wait::PATIENCE;

/// What came back.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The head, header names in lower case.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON; the message holds it.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| {
            panic!("not JSON ({}): {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }
}

/// Sends one request to `address` and reads the whole answer.
///
/// # Errors
/// Those of the connection.
pub async fn request(
    address: SocketAddr,
    host: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> std::io::Result<Response> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        ));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let reading = tokio::time::timeout(PATIENCE, read_answer(&mut stream));
    let bytes = reading.await.map_err(|_| std::io::Error::other("no answer in time"))??;
    parse(&bytes).ok_or_else(|| std::io::Error::other("the answer is not HTTP"))
}

/// Reads until the announced length has come, or else to the end: chromedriver keeps its
/// connections open whatever it is asked.
async fn read_answer(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16_384];
    loop {
        let count = stream.read(&mut buffer).await?;
        bytes.extend_from_slice(&buffer[..count]);
        let length = parse(&bytes).and_then(|response| {
            let length: usize = response.header("content-length")?.trim().parse().ok()?;
            Some(head_end(&bytes)?.saturating_add(length))
        });
        if count == 0 || length.is_some_and(|length| bytes.len() >= length) {
            return Ok(bytes);
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Response> {
    let end = head_end(bytes)?;
    let text = String::from_utf8_lossy(&bytes[..end]);
    let (first, fields) = text.split_once("\r\n")?;
    let status = first.split(' ').nth(1)?.parse().ok()?;
    let head = fields
        .lines()
        .map(|line| match line.split_once(':') {
            // The space after the colon is optional, and chromedriver leaves it out.
            Some((name, value)) => format!("{}: {}\n", name.to_ascii_lowercase(), value.trim()),
            None => String::from("\n"),
        })
        .collect::<String>();
    let rest = &bytes[end..];
    let chunked = head.contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(rest)? } else { rest.to_vec() };
    Some(Response { status, head, body })
}

/// Where the body begins, once the head has come whole.
#[must_use]
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size =
            usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(line + 2..line + 2 + size)?);
        rest = rest.get(line + 2 + size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_whole() {
        let rows: [(&[u8], u16, &[u8]); 4] = [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, b"hi"),
            (b"HTTP/1.1 200 OK\r\nContent-Length:2\r\n\r\nhi", 200, b"hi"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n", 200, b"hi!"),
        ];
        for (bytes, status, body) in rows {
            let response = parse(bytes).unwrap();
            assert_eq!((response.status, response.body.as_slice()), (status, body));
        }
        assert!(parse(b"HTTP/1.1 200 OK\r\n").is_none());
    }
}
