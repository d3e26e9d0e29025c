// Findings about the creator's own money: what was found, what it rests on, what is held, and a
// place to answer. The provider decides; an answer is kept with the finding for ever.

import { requestJson } from "./creator-api.js";
import { amountNode, announce, byId, h, plural, timeNode } from "./creator-dom.js";
import { problemNode } from "./creator-problem.js";

const STATES = {
  open: "Nobody has decided yet", appealed: "Answered; nobody has decided yet",
  upheld: "Upheld: the payments went back to the wallets", lifted: "Lifted: the money is yours as if nothing had been found",
};
const ACTS = { uphold: "Upheld", lift: "Lifted", answer: "Answered" };

export async function showFindings(account, cursor = null) {
  const place = byId("findings");
  if (cursor === null) place.setAttribute("aria-busy", "true");
  try {
    const page = await requestJson(`/v1/creator/findings${cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`}`);
    if (cursor === null) place.replaceChildren();
    byId("findings-more")?.remove();
    place.append(...page.data.map((finding) => findingNode(finding, account)));
    if (page.next) {
      place.append(h("button", { type: "button", id: "findings-more", onclick: () => showFindings(account, page.next) }, "Show more"));
    }
    if (place.childElementCount === 0) {
      place.append(h("p", { class: "empty card" }, "Nothing was found about your payments."));
    }
  } catch (error) {
    const box = problemNode(error, () => { box.remove(); showFindings(account, cursor); });
    if (cursor === null) place.replaceChildren(box);
    else place.append(box);
  } finally {
    place.removeAttribute("aria-busy");
  }
}

function findingNode(finding, account) {
  const node = h("article", { class: "card finding", "aria-label": `Finding ${finding.finding}`, "data-finding": finding.finding });
  node.append(
    h("div", { class: "card-head" },
      h("h2", {}, `Finding ${finding.finding}`),
      h("p", { class: "finding-state" }, STATES[finding.state] ?? finding.state)),
    h("p", {}, finding.explanation),
    h("p", { class: "hint" }, "Whether you know of it is not claimed: anybody can send bots to anybody."),
    h("dl", { class: "facts" },
      h("dt", {}, "Found"), h("dd", {}, timeNode(finding.at)),
      h("dt", {}, "Held because of it"), h("dd", {}, amountNode(finding.held, account), ` from ${plural(finding.held_claims, "payment", "payments")}`),
      h("dt", {}, "How sure"), h("dd", {}, `${Math.round(finding.score * 100)} %; this rule wrongly accused ${finding.honest_accused_per_million} of a million honest wallets where it was measured`),
      h("dt", {}, "Rule"), h("dd", {}, h("code", {}, finding.rule)),
      h("dt", {}, "Rests on entries"), h("dd", {}, finding.entries.join(", ") || "–")),
    trailNode(finding), answerForm(finding, account, node));
  return node;
}

function trailNode(finding) {
  if (finding.trail.length === 0) return null;
  return h("ol", { class: "trail" }, finding.trail.map((line) => h("li", {},
    h("strong", {}, ACTS[line.act] ?? line.act), ` by ${line.who}, `, timeNode(line.at), h("blockquote", {}, line.why))));
}

function answerForm(finding, account, node) {
  const id = `answer-${finding.finding}`;
  const text = h("textarea", { id, rows: "4", maxlength: "4000", "aria-describedby": `${id}-error` });
  const error = h("p", { class: "field-error", id: `${id}-error`, role: "alert" });
  const send = h("button", { type: "submit" }, "Send the answer");
  const form = h("form", { novalidate: true, class: "answer" },
    h("label", { for: id }, "Your answer to the provider"),
    text, error, h("div", { class: "row end" }, send));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.textContent = text.value.trim() === "" ? "Write what you know about it first." : "";
    if (error.textContent !== "") { text.focus(); return; }
    send.disabled = true;
    try {
      const answered = await requestJson(`/v1/creator/findings/${finding.finding}/answers`, { method: "POST", body: { text: text.value } });
      node.replaceWith(findingNode(answered, account));
      announce("Your answer was sent.");
    } catch (problem) {
      // What was written stays where it is.
      error.textContent = problem.message;
      send.disabled = false;
    }
  });
  return form;
}
