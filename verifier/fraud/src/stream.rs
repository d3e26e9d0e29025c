//! The thin edge of a replay: lines from a file or standard input, findings as JSON lines.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::sync::{Mutex, PoisonError, mpsc};

use crate::event::{BadLine, Event, LINE_BYTES_MAX, parse};
use crate::finding::Finding;
use crate::intake::{Intake, Step};
use crate::names::Tables;
use crate::replay::Replay;

/// Bad lines that are said one by one; the rest is only counted.
const SAID_MAX: u64 = 20;
/// Lines are read ahead in blocks of at most so many, and so many blocks.
const BLOCK: usize = 512;
const AHEAD: usize = 8;
/// Input is read by so many bytes.
const FILE_BYTES: usize = 1 << 20;

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
        let input = BufReader::with_capacity(FILE_BYTES, io::stdin());
        return replay(input, strict, out, said);
    }
    let file = std::fs::File::open(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
    replay(BufReader::with_capacity(FILE_BYTES, file), strict, out, said)
}

/// Replays lines. Findings go to `out` as soon as they are made, bad lines to `said`; a bad line ends the replay under
/// `strict` only. Another core reads lines, names and proofs ahead, while this one takes their steps in order.
///
/// # Errors
/// See [`replay_file`].
pub fn replay(
    lines: impl BufRead + Send,
    strict: bool,
    out: &mut impl Write,
    said: &mut impl Write,
) -> io::Result<Summary> {
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let mut replay = Replay::default();
    replay.analysis.all_cores = true;
    let (names, intake, analysis) = replay.halves();
    let mut summary = Summary::default();
    let mut findings = Vec::new();
    std::thread::scope(|scope| {
        let (send, read) = mpsc::sync_channel(AHEAD);
        let ahead = scope.spawn(move || read_ahead(lines, strict, names, intake, &send));
        for step in read.into_iter().flat_map(Block::into_iter) {
            summary.lines += 1;
            match step {
                Ok(Some(step)) => analysis.step(names, step, &mut findings),
                Ok(None) => {}
                Err(bad) if strict => {
                    out.flush()?;
                    return Err(io::Error::new(io::ErrorKind::InvalidData, bad.to_string()));
                }
                Err(bad) => {
                    summary.bad += 1;
                    if summary.bad <= SAID_MAX {
                        writeln!(said, "{bad}")?;
                    }
                }
            }
            if !findings.is_empty() {
                write_all(&mut findings, &mut summary, &mut out)?;
                out.flush()?;
            }
        }
        ahead.join().map_err(|_| io::Error::other("the reader of lines broke down"))?
    })?;
    analysis.finish(names, &mut findings);
    write_all(&mut findings, &mut summary, &mut out)?;
    out.flush()?;
    if summary.bad > 0 {
        writeln!(said, "{} of {} lines left out", summary.bad, summary.lines)?;
    }
    Ok(summary)
}

/// What some lines in a row say; an empty line nothing.
type Block = Vec<Result<Option<Step>, BadLine>>;

/// Reads lines up to the end, up to the first bad one under `strict`, or until nobody takes what they say.
fn read_ahead(
    mut lines: impl BufRead,
    strict: bool,
    names: &Mutex<Tables>,
    intake: &mut Intake,
    send: &mpsc::SyncSender<Block>,
) -> io::Result<()> {
    let mut text = Vec::new();
    let mut line = 0;
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
        let mut rows = body.split(|&byte| byte == b'\n').peekable();
        while rows.peek().is_some() {
            let events: Vec<_> = (line..).zip(rows.by_ref().take(BLOCK)).map(event_of).collect();
            // Held for a block, not for a line: findings need names rarely.
            let mut names = names.lock().unwrap_or_else(PoisonError::into_inner);
            let mut block = Block::with_capacity(events.len());
            for event in events {
                let step = event.and_then(|event| {
                    event.map(|event| intake.take(&mut names, line, &event)).transpose()
                });
                line += 1;
                let ends = strict && step.is_err();
                block.push(step);
                if ends {
                    break;
                }
            }
            drop(names);
            let ends = strict && block.last().is_some_and(Result::is_err);
            if send.send(block).is_err() || ends {
                return Ok(());
            }
        }
        text.drain(..=last);
    }
    Ok(())
}

/// One line's event; an empty line is none.
fn event_of((line, bytes): (u64, &[u8])) -> Result<Option<Event<'_>>, BadLine> {
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
