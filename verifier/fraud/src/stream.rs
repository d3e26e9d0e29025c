//! The thin edge of a replay: lines from a file or standard input, findings as JSON lines.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::sync::mpsc;

use crate::event::{BadLine, Event, LINE_BYTES_MAX, parse};
use crate::finding::Finding;
use crate::replay::Replay;

/// Bad lines that are said one by one; the rest is only counted.
const SAID_MAX: u64 = 20;
/// Lines at hand from which on another core reads them: in blocks of so many lines, so many blocks ahead.
const PARALLEL_MIN: usize = 512;
const BLOCK: usize = 512;
const AHEAD: usize = 8;
/// A file is read by so many bytes.
const FILE_BYTES: usize = 8 << 20;

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
        let input = BufReader::with_capacity(1 << 20, io::stdin().lock());
        return replay(input, strict, out, said);
    }
    let file = std::fs::File::open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
    replay(BufReader::with_capacity(FILE_BYTES, file), strict, out, said)
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
    replay.all_cores = true;
    let mut summary = Summary::default();
    let mut findings = Vec::new();
    let mut text = Vec::new();
    let mut more = true;
    while more {
        more = fill(&mut lines, &mut text)?;
        let whole = if more {
            text.iter().rposition(|&byte| byte == b'\n')
        } else {
            text.len().checked_sub(1)
        };
        let Some(last) = whole else {
            // A line without end is not kept beyond what shows that it is too long.
            text.truncate(LINE_BYTES_MAX + 1);
            continue;
        };
        let body = text[..=last].strip_suffix(b"\n").unwrap_or(&text[..=last]);
        let rows: Vec<&[u8]> = body.split(|&byte| byte == b'\n').collect();
        let first = summary.lines;
        let mut take = |event: Result<Option<Event<'_>>, BadLine>| {
            let line = summary.lines;
            summary.lines += 1;
            let done = event.and_then(|event| {
                event.map_or(Ok(()), |event| replay.event(line, &event, &mut findings))
            });
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
            write_all(&mut findings, &mut summary, &mut out)
        };
        if rows.len() < PARALLEL_MIN {
            for (at, bytes) in rows.iter().enumerate() {
                take(event_of(first + at as u64, bytes))?;
            }
        } else {
            // Another core reads ahead while this one takes events in, order kept.
            std::thread::scope(|scope| {
                let (send, read) = mpsc::sync_channel(AHEAD);
                scope.spawn(move || {
                    for (block, rows) in rows.chunks(BLOCK).enumerate() {
                        let from = first + (block * BLOCK) as u64;
                        let events = rows.iter().enumerate();
                        let events = events.map(|(at, bytes)| event_of(from + at as u64, bytes));
                        // A strict replay that has ended takes no more.
                        if send.send(events.collect::<Vec<_>>()).is_err() {
                            return;
                        }
                    }
                });
                read.into_iter().flatten().try_for_each(&mut take)
            })?;
        }
        out.flush()?;
        text.drain(..=last);
    }
    replay.finish(&mut findings);
    write_all(&mut findings, &mut summary, &mut out)?;
    out.flush()?;
    if summary.bad > 0 {
        writeln!(said, "{} of {} lines left out", summary.bad, summary.lines)?;
    }
    Ok(summary)
}

/// One line's event; an empty line is none.
fn event_of(line: u64, bytes: &[u8]) -> Result<Option<Event<'_>>, BadLine> {
    let bad = |why| BadLine { line, field: "(line)", why };
    if bytes.len() > LINE_BYTES_MAX {
        return Err(bad(format!("is longer than {LINE_BYTES_MAX} bytes")));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| bad("is not UTF-8".to_owned()))?.trim();
    if text.is_empty() { Ok(None) } else { parse(line, text).map(Some) }
}

/// Appends what is there, without waiting for more than that; `false` at the end.
fn fill(lines: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<bool> {
    let buffer = lines.fill_buf()?;
    let bytes = buffer.len();
    text.extend_from_slice(buffer);
    lines.consume(bytes);
    Ok(bytes > 0)
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
