// Refused claims by reason, each in plain words, and the evidence of double signing.

import { requestJson } from "./creator-api.js";
import { checkEvidence } from "./creator-claim.js";
import { amountNode, byId, count, dayText, decimalOf, h, micros, money, plural, saveFile, timeNode } from "./creator-dom.js";
import { problemNode } from "./creator-problem.js";

// What a creator wants to know about each outcome: what happened, and whether to worry.
const REASONS = {
  repeat: ["Duplicates", "The same payment arrived again: a retry after a lost answer, or somebody playing it back. It was charged once, and the first answer was given again."],
  already_owned: ["Paid before", "The visitor owned the item already, such as from another device. Nothing was charged, and the item was opened."],
  forged: ["Forged signatures", "Somebody sent a payment that the named wallet never signed. It counts against the sender, not against you."],
  equivocation: ["Double signing", "A wallet signed two different payments under one number. Only the first counted; the proof is below."],
  number_used: ["Numbers used before", "An old number came back with nothing to show for it: a wallet restored from a backup, or an attempt to spend twice."],
  unknown_key: ["Unknown accounts", "The payment came from a key that no wallet here vouches for: an invented account, or a visitor whose permission never arrived."],
  insufficient_balance: ["Not enough money", "The wallet held less than the price. The visitor was asked to top up."],
  over_cap: ["Visitor's limit reached", "What the visitor allowed for your site was used up. The wallet asks for a new permission."],
  over_claim_max: ["Above the visitor's limit for one payment", "The amount was more than the visitor allows at once on your site."],
  payments_paused: ["Payments paused", "The visitor has paused all payments of their wallet, and nobody but them can go on. It is not about your site."],
  over_day_budget: ["Visitor's budget of the day", "The visitor has set how much their wallet pays a day, on all sites together, and this was more than was left of it."],
  over_month_budget: ["Visitor's budget of the month", "The visitor has set how much their wallet pays a month, on all sites together, and this was more than was left of it."],
  needs_click: ["A click was needed", "Your site asked to be paid without a click, and what the visitor allows for that did not cover this payment. The button was shown instead; a click pays it."],
  wallet_slowed: ["Slowed wallet", "Your provider looks into this wallet and lets it pay slowly for now."],
  wallet_frozen: ["Stopped wallet", "Your provider has stopped payments from this wallet; its owner was told why and how to answer."],
  too_fast: ["Too fast", "Too many payments of one wallet in a short time: a stuck key, or a script."],
  expired: ["Too late", "The payment arrived after it had expired, mostly over a very slow network."],
  expires_too_late: ["Wrong clock", "The payment was valid for too long; the visitor's device has a wrong clock."],
  key_revoked: ["Withdrawn permission", "The visitor had replaced or withdrawn the permission for your site."],
  allowance_expired: ["Expired permission", "The visitor's permission for your site had run out."],
  wrong_creator: ["Made out to somebody else", "A permission for another creator was used for you."],
  wrong_origin: ["From another site", "A permission for another site was used. If you have moved, tell your provider your new address."],
  wrong_verifier: ["Another provider", "The payment was made out to another provider."],
  wrong_currency: ["Another currency", "The payment was in a currency that this provider does not keep."],
  amount_out_of_range: ["Impossible amount", "The amount was nothing, or more than one payment may move."],
  unknown_item: ["Not for sale", "The item has no price or is not on sale. Look whether the name in your tag and in your price list agree."],
  price_changed: ["Price changed", "The visitor saw an older price, or had paid as much as you take in a month. The wallet shows the new price, or opens the item."],
  key_exhausted: ["Key used up", "The visitor's key had made as many payments as one can, and is replaced by itself."],
  unknown_creator: ["Unknown creator", "The payment named a creator that is not known here."],
  creator_full: ["Account full", "Your account cannot receive more at present. Ask your provider."],
};

// The rows by day become one line per reason, the most frequent first.
function byReason(rows) {
  const reasons = new Map();
  for (const row of rows) {
    const reason = reasons.get(row.outcome) ?? { outcome: row.outcome, message: row.message, count: 0, amount: 0n, days: [] };
    reason.count += row.count;
    reason.amount += micros(row.amount);
    reason.days.push(row);
    reasons.set(row.outcome, reason);
  }
  return [...reasons.values()].sort((a, b) => b.count - a.count);
}

export async function showRefusals(account) {
  const place = byId("refusals");
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await requestJson("/v1/creator/refusals?days=30");
    const reasons = byReason(answer.data);
    place.replaceChildren(reasons.length === 0
      ? h("p", { class: "empty card" }, "Nothing was refused in the last 30 days.")
      : h("ul", { class: "reasons" }, reasons.map((reason) => reasonNode(reason, account))));
  } catch (error) {
    place.replaceChildren(problemNode(error, () => showRefusals(account)));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

function reasonNode(reason, account) {
  const [label, why] = REASONS[reason.outcome] ?? [reason.outcome.replaceAll("_", " "), reason.message];
  const days = reason.days.toSorted((a, b) => b.day.localeCompare(a.day)).map((row) => h("li", {},
    `${dayText(row.day)}: ${count(row.count)}, ${money(row.amount, account.currency)}`));
  return h("li", { class: "card reason-card" },
    h("div", { class: "card-head" },
      h("h2", {}, label),
      h("p", { class: "reason-count" }, h("strong", {}, count(reason.count)), " · ", amountNode(decimalOf(reason.amount), account))),
    h("p", {}, why),
    h("details", {}, h("summary", {}, `By day, and the code ${reason.outcome}`), h("ul", { class: "plain" }, days)));
}

export async function showEvidence(account, cursor = null) {
  const place = byId("evidence");
  if (cursor === null) place.setAttribute("aria-busy", "true");
  try {
    const page = await requestJson(`/v1/creator/evidence${cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`}`);
    const nodes = await Promise.all(page.data.map((evidence) => evidenceNode(evidence, account)));
    if (cursor === null) place.replaceChildren();
    byId("evidence-more")?.remove();
    place.append(...nodes);
    if (page.next) {
      place.append(h("button", { type: "button", id: "evidence-more", onclick: () => showEvidence(account, page.next) }, "Show more"));
    }
    if (place.childElementCount === 0) place.append(h("p", { class: "empty" }, "None. No wallet has signed two payments to you under one number."));
  } catch (error) {
    const box = problemNode(error, () => { box.remove(); showEvidence(account, cursor); });
    if (cursor === null) place.replaceChildren(box);
    else place.append(box);
  } finally {
    place.removeAttribute("aria-busy");
  }
}

async function evidenceNode(evidence, account) {
  const check = await checkEvidence(evidence);
  const claim = (which, part) => h("div", { class: "evidence-claim" },
    h("h4", {}, which),
    part.claim === null ? h("p", {}, "These bytes cannot be read as a claim.") : h("dl", { class: "facts" },
      h("dt", {}, "Amount"), h("dd", {}, amountNode(part.claim.amount, account)),
      h("dt", {}, "Kind"), h("dd", {}, part.claim.kind),
      h("dt", {}, "Valid until"), h("dd", {}, timeNode(new Date(part.claim.expiresAtMs).toISOString()))),
    h("button", { type: "button", onclick: () => saveFile(new Blob([part.bytes], { type: "application/octet-stream" }), `claim-${evidence.id}-${which.toLowerCase()}.bin`) },
      `Download the ${which.toLowerCase()} signed claim`));
  return h("article", { class: "evidence-case", "aria-label": `Evidence ${evidence.id}` },
    h("h3", {}, `Number ${evidence.sequence}, signed twice`),
    h("p", { class: "hint" }, timeNode(evidence.at), " · key ", h("code", {}, `${evidence.key.slice(0, 12)}…`)),
    h("p", { class: check.holds ? "checked" : "hint" }, check.words),
    h("div", { class: "evidence-pair" }, claim("First", check.first), claim("Second", check.second)));
}

export function refusedLabel(refused) {
  return refused === 0 ? "" : plural(refused, "refused claim", "refused claims");
}
