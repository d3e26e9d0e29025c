//! The thin edge of a replay: lines from a file or standard input, findings as JSON lines.

use std::io::{self, BufRead, BufReader, BufWriter, Write};

use crate::event::{BadLine, LINE_BYTES_MAX};
use crate::finding::Finding;
use crate::replay::Replay;

/// Bad lines that are said one by one; the rest is only counted.
const SAID_MAX: u64 = 20;

/// How a replay went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub lines: u64,
    pub bad: u64,
    pub findings: u64,
}

/// Replays the file at `path` (`-`: standard input).
///
/// # Errors
/// The file cannot be read, the output not written, or, under `strict`, a line is not an event.
pub fn replay_file(
    path: &str,
    strict: bool,
    out: &mut impl Write,
    said: &mut impl Write,
) -> io::Result<Summary> {
    if path == "-" {
        return replay(io::stdin().lock(), strict, out, said);
    }
    let file = std::fs::File::open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
    replay(BufReader::with_capacity(1 << 20, file), strict, out, said)
}

/// Replays lines. Findings go to `out` as soon as they are made, bad lines to `said`; a bad line ends the replay under
/// `strict` only.
///
/// # Errors
/// See [`replay_file`].
pub fn replay(
    mut lines: impl BufRead,
    strict: bool,
    out: &mut impl Write,
    said: &mut impl Write,
) -> io::Result<Summary> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let mut replay = Replay::default();
    let mut summary = Summary::default();
    let mut findings = Vec::new();
    let mut bytes = Vec::new();
    while read_line(&mut lines, &mut bytes)? {
        let line = summary.lines;
        summary.lines += 1;
        let done = if bytes.len() > LINE_BYTES_MAX {
            let why = format!("is longer than {LINE_BYTES_MAX} bytes");
            Err(BadLine { line, field: "(line)", why })
        } else {
            match std::str::from_utf8(&bytes).map(str::trim) {
                Ok("") => Ok(()),
                Ok(text) => replay.line(line, text, &mut findings),
                Err(_) => {
                    let why = "is not UTF-8".to_owned();
                    Err(BadLine { line, field: "(line)", why })
                }
            }
        };
        if let Err(bad) = done {
            if strict {
                write_all(&mut findings, &mut summary, &mut out)?;
                out.flush()?;
                return Err(io::Error::new(io::ErrorKind::InvalidData, bad.to_string()));
            }
            summary.bad += 1;
            if summary.bad <= SAID_MAX {
                writeln!(said, "{bad}")?;
            }
        }
        write_all(&mut findings, &mut summary, &mut out)?;
    }
    replay.finish(&mut findings);
    write_all(&mut findings, &mut summary, &mut out)?;
    out.flush()?;
    if summary.bad > 0 {
        writeln!(said, "{} of {} lines left out", summary.bad, summary.lines)?;
    }
    Ok(summary)
}

/// Reads one line of at most [`LINE_BYTES_MAX`] bytes and one more; the rest of a longer one is dropped.
fn read_line(lines: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<bool> {
    bytes.clear();
    let mut any = false;
    loop {
        let buffer = lines.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let upto = end.unwrap_or(buffer.len());
        let room = (LINE_BYTES_MAX + 1).saturating_sub(bytes.len()).min(upto);
        bytes.extend_from_slice(&buffer[..room]);
        lines.consume(end.map_or(upto, |at| at + 1));
        if end.is_some() {
            return Ok(true);
        }
    }
}

fn write_all(
    findings: &mut Vec<Finding>,
    summary: &mut Summary,
    out: &mut impl Write,
) -> io::Result<()> {
    for finding in findings.drain(..) {
        summary.findings += 1;
        writeln!(out, "{}", finding.line())?;
    }
    Ok(())
}
