//! A picture of a suspicious group: accused wallets against the creators that they pay, as SVG text that
//! any browser shows. Made by hand: a matrix of circles needs no library.

use std::collections::BTreeMap;
use std::fmt::Write;

use farthing_rules::findings::{FindingRow, FindingState, SubjectKind};
use farthing_rules::{CreatorRef, WalletRef};

use super::wallet;
use crate::store::sqlite::{ReadError, Reader, Wanted};

/// Wallets shown at most: more rows than a screen has are not read.
const WALLETS_MAX: usize = 40;
/// Creators shown at most; the rest is summed up.
const CREATORS_MAX: usize = 12;
/// Payments of one wallet that are looked at.
const PAYMENTS_MAX: usize = 10_000;
const LEFT: u32 = 90;
const TOP: u32 = 150;
const CELL: u32 = 34;
const ROW: u32 = 26;

/// The group around a finding: the wallets that findings of the same creator accuse.
///
/// # Errors
/// [`ReadError`].
pub fn picture(reader: &Reader, finding: &FindingRow) -> Result<String, ReadError> {
    let creator = finding.said.creator;
    let wanted = Wanted { accusing: true, creator: Some(creator), ..Wanted::default() };
    let mut wallets = vec![];
    if finding.said.subject.kind == SubjectKind::Wallet {
        wallets.push(WalletRef(finding.said.subject.number));
    }
    if creator != CreatorRef(0) {
        for row in reader.findings(wanted, u64::MAX, 1_000)? {
            let member = WalletRef(row.said.subject.number);
            let counts = row.said.subject == wallet(member) && row.state != FindingState::Lifted;
            if counts && !wallets.contains(&member) {
                wallets.push(member);
            }
        }
    }
    let left_out = wallets.len().saturating_sub(WALLETS_MAX);
    wallets.truncate(WALLETS_MAX);
    let mut paid: Vec<BTreeMap<CreatorRef, u64>> = Vec::new();
    let mut sums: BTreeMap<CreatorRef, u64> = BTreeMap::new();
    for member in &wallets {
        let counts = reader.payments_of_wallet(*member, PAYMENTS_MAX)?;
        for (to, count) in &counts {
            let sum = sums.entry(*to).or_default();
            *sum = sum.saturating_add(*count);
        }
        paid.push(counts);
    }
    let mut creators: Vec<CreatorRef> = sums.keys().copied().collect();
    creators.sort_by_key(|to| (*to != creator, std::cmp::Reverse(sums.get(to).copied()), *to));
    creators.truncate(CREATORS_MAX);
    let mut names = Vec::new();
    for to in &creators {
        let profile = reader.profile(*to)?;
        names.push(profile.map_or_else(|| format!("creator {}", to.0), |profile| profile.name));
    }
    Ok(draw(&Group { wallets, creators, names, paid, named: creator, left_out }))
}

struct Group {
    wallets: Vec<WalletRef>,
    creators: Vec<CreatorRef>,
    names: Vec<String>,
    paid: Vec<BTreeMap<CreatorRef, u64>>,
    named: CreatorRef,
    left_out: usize,
}

fn at(index: usize, step: u32, from: u32) -> u32 {
    u32::try_from(index).unwrap_or(0).saturating_mul(step).saturating_add(from)
}

/// The circle's radius grows with the root of the count, so that its area tells it.
fn radius(count: u64, most: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a drawing")]
    let share = count as f64 / most.max(1) as f64;
    2.0 + 9.0 * share.sqrt()
}

fn draw(group: &Group) -> String {
    let (width, height) = (
        at(group.creators.len(), CELL, LEFT + 60).max(560),
        at(group.wallets.len(), ROW, TOP + 50),
    );
    let most = group.paid.iter().flat_map(BTreeMap::values).copied().max().unwrap_or(1);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
         <title>{} wallets and the creators that they paid</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"12\" y=\"20\" font-weight=\"600\" fill=\"#1c1b1a\">Accused wallets (rows) and whom they paid (columns)</text>\n\
         <text x=\"12\" y=\"38\" fill=\"#5c5852\">The larger a circle, the more payments; filled: the creator that the finding names.</text>\n",
        group.wallets.len(),
    );
    // Writing to a string cannot fail.
    let mut put = |line: String| {
        let _infallible = writeln!(svg, "{line}");
    };
    for (column, name) in group.names.iter().enumerate() {
        let x = at(column, CELL, LEFT + CELL / 2);
        let y = TOP - 12;
        put(format!(
            "<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-45 {x} {y})\" fill=\"#1c1b1a\">{}</text>",
            escaped(name)
        ));
    }
    for (row, (member, paid)) in group.wallets.iter().zip(&group.paid).enumerate() {
        let y = at(row, ROW, TOP + ROW / 2);
        put(format!("<text x=\"12\" y=\"{}\" fill=\"#1c1b1a\">w{}</text>", y + 4, member.0));
        put(format!(
            "<line x1=\"{LEFT}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"#e4dfd6\"/>",
            width - 20
        ));
        for (column, (creator, name)) in group.creators.iter().zip(&group.names).enumerate() {
            let Some(count) = paid.get(creator) else { continue };
            let x = at(column, CELL, LEFT + CELL / 2);
            let fill = if *creator == group.named { "#a8642f" } else { "none" };
            put(format!(
                "<circle cx=\"{x}\" cy=\"{y}\" r=\"{:.1}\" fill=\"{fill}\" stroke=\"#a8642f\" stroke-width=\"1.5\">\
                 <title>w{} paid {} {count} times</title></circle>",
                radius(*count, most),
                member.0,
                escaped(name)
            ));
        }
    }
    let foot = match group.left_out {
        0 => "All accused wallets of this group are shown.".to_owned(),
        more => format!("{more} more accused wallets are not shown."),
    };
    put(format!("<text x=\"12\" y=\"{}\" fill=\"#5c5852\">{foot}</text>", height - 16));
    svg.push_str("</svg>");
    svg
}

/// A name between tags or quotes, cut to what a column can carry.
fn escaped(name: &str) -> String {
    let cut: String = name.chars().take(24).filter(|letter| !letter.is_control()).collect();
    cut.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_payment_is_drawn_and_names_are_harmless() {
        let group = Group {
            wallets: vec![WalletRef(7), WalletRef(9)],
            creators: vec![CreatorRef(1), CreatorRef(2)],
            names: vec!["<script>\"&".into(), "The Blog".into()],
            paid: vec![
                BTreeMap::from([(CreatorRef(1), 9), (CreatorRef(2), 1)]),
                BTreeMap::from([(CreatorRef(1), 4)]),
            ],
            named: CreatorRef(1),
            left_out: 3,
        };
        let svg = draw(&group);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert_eq!(svg.matches("fill=\"#a8642f\"").count(), 2);
        assert!(svg.contains("w7 paid &lt;script&gt;&quot;&amp; 9 times"), "{svg}");
        assert!(!svg.contains("<script"), "{svg}");
        assert!(svg.contains("3 more accused wallets"), "{svg}");
    }
}
