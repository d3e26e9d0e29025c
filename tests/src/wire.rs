//! HTTP/1.1 by hand over a blocking socket: what a test sends is exactly these bytes, however odd.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use farthing_shared::SignedClaim;
use serde_json::Value;

/// No answer takes longer; a test that waits for a time limit of the server stays below it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is kept.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// A string of the body's JSON; empty when there is none.
    #[must_use]
    pub fn word(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }
}

impl Wire {
    /// Opens a connection.
    ///
    /// # Errors
    /// As the socket says.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Another handle on the same connection, to send from while this one reads.
    ///
    /// # Errors
    /// As the socket says.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self { stream: self.stream.try_clone()?, read: Vec::new() })
    }

    /// Ends the connection for all its handles.
    pub fn hang_up(&self) {
        // It may have ended before.
        let _gone = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// As the socket says.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes)
    }

    /// A whole request with the length of its body.
    ///
    /// # Errors
    /// As the socket says, or when the answer is not HTTP.
    pub fn request(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply> {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: pay.localhost\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        self.send(&[head.as_bytes(), body].concat())?;
        self.reply()
    }

    /// GET without anything special.
    ///
    /// # Errors
    /// As [`Wire::request`].
    pub fn get(&mut self, target: &str) -> Result<Reply> {
        self.request("GET", target, &[], &[])
    }

    /// POST of a JSON body.
    ///
    /// # Errors
    /// As [`Wire::request`].
    pub fn post_json(&mut self, target: &str, body: &str) -> Result<Reply> {
        self.request("POST", target, &[("content-type", "application/json")], body.as_bytes())
    }

    /// Sends one claim.
    ///
    /// # Errors
    /// As [`Wire::request`].
    pub fn claim(&mut self, claim: &SignedClaim) -> Result<Reply> {
        let text = Base64UrlUnpadded::encode_string(&claim.encode());
        self.post_json("/v1/claims", &format!("{{\"claim\":\"{text}\"}}"))
    }

    /// Sends claims together.
    ///
    /// # Errors
    /// As [`Wire::request`].
    pub fn claims(&mut self, claims: &[SignedClaim]) -> Result<Reply> {
        let body: Vec<u8> = claims.iter().flat_map(SignedClaim::encode).collect();
        let kind = [("content-type", "application/octet-stream")];
        self.request("POST", "/v1/claims/batch", &kind, &body)
    }

    /// Asks what became of a claim.
    ///
    /// # Errors
    /// As [`Wire::request`].
    pub fn status(&mut self, claim: &SignedClaim) -> Result<Reply> {
        let (key, sequence) = (claim.claim().key.to_text(), claim.claim().sequence);
        self.get(&format!("/v1/claims/{}?key={key}&sequence={sequence}", claim.id().to_text()))
    }

    /// Reads one answer with a declared length.
    ///
    /// # Errors
    /// As the socket says, or when it is not HTTP.
    pub fn reply(&mut self) -> Result<Reply> {
        loop {
            if let Some((reply, used)) = parse(&self.read)? {
                self.read.drain(..used);
                return Ok(reply);
            }
            let mut more = [0; 16 << 10];
            match self.stream.read(&mut more)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.read.extend(more.iter().take(count)),
            }
        }
    }

    /// Whether the other side closes the connection within the patience of tests; what it still
    /// says is read and thrown away.
    #[must_use]
    pub fn is_closed(&mut self) -> bool {
        let mut rest = [0; 1 << 10];
        loop {
            match self.stream.read(&mut rest) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::ConnectionReset,
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Option<(Reply, usize)>> {
    let wrong = |what: &str| Error::new(ErrorKind::InvalidData, what.to_owned());
    let Some(head) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(bytes.get(..head).unwrap_or_default());
    let mut lines = text.map_err(|_| wrong("a head that is not text"))?.split("\r\n");
    let first = lines.next().unwrap_or_default();
    let status = first.get(9..12).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| wrong("no status"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut reply = Reply { status, headers, body: Vec::new() };
    let length: usize = match reply.header("content-length") {
        Some(length) => length.parse().map_err(|_| wrong("an odd length"))?,
        None if status == 204 => 0,
        None => return Err(wrong("an answer without a length")),
    };
    let start = head.saturating_add(4);
    let end = start.saturating_add(length);
    Ok(bytes.get(start..end).map(|body| {
        reply.body = body.to_vec();
        (reply, end)
    }))
}
