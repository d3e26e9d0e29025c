// The queue: findings with all that a decision needs, a choice of them, and the decision itself.

import { requestJson, requestText } from "./creator-api.js";
import { amountNode, announce, byId, count, decimalOf, h, micros, money, plural, timeNode } from "./creator-dom.js";
import { problemNode } from "./creator-problem.js";
import { trailList } from "./review-trail.js";

const STATES = { open: "Undecided", appealed: "Answered, undecided", upheld: "Upheld", lifted: "Lifted" };
const ROLES = { signer: "signed it", submitter: "handed it in", steered: "pays as one of a steered group" };
const KINDS = { group: "Steered group", equivocation: "Double signing", forged: "Forged signatures" };
const STANDINGS = { slowed: "slowed", frozen: "frozen" };

// What each act does, in the words of whoever is about to do it.
const ACTS = {
  uphold: ["Uphold", "What is held goes back to the wallets that paid, the provider's fee included. This cannot be undone.", "primary"],
  lift: ["Lift", "What is held goes to the creator as if nothing had been found. This cannot be undone.", "primary"],
  freeze: ["Freeze", "The wallets that the findings are about pay nothing any more. Their money stays their own, and they are told why and how to answer.", ""],
  slow: ["Slow", "The wallets that the findings are about pay slowly only, and are told why.", ""],
  thaw: ["Thaw", "The wallets that the findings are about pay as before.", ""],
};
const PAST = { uphold: "upheld", lift: "lifted", freeze: "frozen", slow: "slowed", thaw: "thawed" };
const PAGE = 50;

export class Queue {
  constructor(reviewer, onReached) {
    this.reviewer = reviewer;
    this.onReached = onReached;
    this.cases = new Map();
    this.selected = new Set();
    this.pages = 1;
    this.act = null;
    // A slow answer to an old question must not overwrite a newer one.
    this.asked = 0;
    this.hasLoaded = false;
    byId("bulk-acts").replaceChildren(...Object.entries(ACTS).map(([act, [label]]) =>
      h("button", { type: "button", class: "small", id: `bulk-${act}`, "data-act": act, disabled: true, onclick: () => this.ask(act) }, `${label}…`)));
    byId("select-all").addEventListener("change", (event) => this.selectAll(event.target.checked));
    byId("filter").addEventListener("submit", (event) => { event.preventDefault(); this.pages = 1; this.selected.clear(); this.load(); });
    byId("filter-clear").addEventListener("click", () => { byId("filter").reset(); this.pages = 1; this.load(); });
    byId("decide-cancel").addEventListener("click", () => byId("decide-dialog").close());
    byId("decide-form").addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
  }

  query(cursor, limit) {
    const query = new URLSearchParams({ limit: String(limit) });
    for (const name of ["state", "kind", "rule", "wallet", "creator"]) {
      const value = byId(`filter-${name}`).value.trim();
      if (value !== "") query.set(name, value);
    }
    if (cursor !== null) query.set("cursor", cursor);
    return `/v1/review/findings?${query}`;
  }

  // As many pages as are shown, so that looking again keeps what was unfolded.
  async fetch() {
    let [data, cursor] = [[], null];
    for (let page = 0; page < this.pages; page += 1) {
      const answer = await requestJson(this.query(cursor, PAGE));
      data = data.concat(answer.data);
      cursor = answer.next;
      if (cursor === null) break;
    }
    return { data, next: cursor };
  }

  async load() {
    const asked = ++this.asked;
    const place = byId("queue");
    byId("filter-error").textContent = "";
    place.setAttribute("aria-busy", "true");
    try {
      const list = await this.fetch();
      if (asked !== this.asked) return;
      this.show(list);
      this.onReached(true);
    } catch (error) {
      if (asked !== this.asked || error.kind === "signed_out") return;
      if (error.kind === "problem") {
        byId("filter-error").textContent = error.message;
        return;
      }
      this.onReached(false);
      this.cases.clear();
      byId("bulk").hidden = true;
      place.replaceChildren(problemNode(error, () => this.load()));
    } finally {
      if (asked === this.asked) place.removeAttribute("aria-busy");
    }
  }

  async lookAgain() {
    if (!this.hasLoaded || byId("decide-dialog").open) return;
    const asked = ++this.asked;
    try {
      const list = await this.fetch();
      if (asked !== this.asked) return;
      const fresh = list.data.filter((one) => !this.cases.has(one.finding)).length;
      this.show(list);
      this.onReached(true);
      if (fresh > 0) announce(plural(fresh, "new finding", "new findings"));
    } catch (error) {
      if (error.kind !== "signed_out" && error.kind !== "problem") this.onReached(false);
    }
  }

  // A case that has not changed keeps its node, and with it focus, choice and picture.
  show({ data, next }) {
    const before = this.cases;
    this.hasLoaded = true;
    this.cases = new Map(data.map((one) => {
      const text = JSON.stringify(one);
      const known = before.get(one.finding);
      return [one.finding, known?.text === text ? known : { text, one, node: this.caseNode(one) }];
    }));
    for (const finding of this.selected) if (!this.cases.has(finding)) this.selected.delete(finding);
    const nodes = [...this.cases.values()].map((known) => known.node);
    if (nodes.length === 0) nodes.push(this.emptyNode());
    if (next !== null) nodes.push(h("button", { type: "button", id: "queue-more", onclick: () => { this.pages += 1; this.load(); } }, "Show more"));
    const place = byId("queue");
    const shown = [...place.children];
    if (shown.length !== nodes.length || shown.some((node, index) => node !== nodes[index])) {
      const focused = document.activeElement?.id;
      place.replaceChildren(...nodes);
      if (focused && place.contains(byId(focused))) byId(focused).focus({ preventScroll: true });
    }
    byId("bulk").hidden = this.cases.size === 0;
    this.showChoice();
  }

  emptyNode() {
    const isFiltered = ["rule", "wallet", "creator"].some((name) => byId(`filter-${name}`).value.trim() !== "");
    const words = isFiltered ? "No finding is like this." : byId("filter-state").value === "open"
      ? "Nothing waits for a decision." : "Nothing was found so far.";
    return h("p", { class: "empty card" }, words);
  }

  caseNode(one) {
    const id = `case-${one.finding}`;
    const box = h("input", { type: "checkbox", id: `${id}-box`, onchange: (event) => this.select(one.finding, event.target.checked) });
    box.checked = this.selected.has(one.finding);
    const standing = STANDINGS[one.standing];
    const group = h("div", {});
    return h("article", { class: `card case finding${box.checked ? " selected" : ""}`, id, "aria-labelledby": `${id}-title`, "data-finding": one.finding },
      h("div", { class: "case-head" },
        h("label", {}, box, h("h2", { id: `${id}-title` }, `Finding ${one.finding}: ${one.subject}`)),
        h("span", { class: "count" }, KINDS[one.kind] ?? one.kind),
        standing ? h("span", { class: "badge" }, `wallet ${standing}`) : null,
        one.accuse ? null : h("span", { class: "badge" }, "only watches"),
        h("p", { class: "case-state" }, STATES[one.state] ?? one.state)),
      h("p", {}, one.explanation),
      h("dl", { class: "facts" },
        h("dt", {}, "Held because of it"), h("dd", { class: "case-held" }, amountNode(one.held, this.reviewer), ` from ${plural(one.held_claims, "payment", "payments")}`),
        h("dt", {}, "How sure"), h("dd", {}, `${Math.round(one.score * 100)} %; ${one.honest_accused_per_million === 0
          ? "a proof, not an inference" : `this rule accused ${count(one.honest_accused_per_million)} of a million honest wallets where it was measured`}`),
        h("dt", {}, "Rule"), h("dd", {}, h("code", {}, one.rule), `; the subject ${ROLES[one.role] ?? one.role}`),
        h("dt", {}, "Creator"), h("dd", {}, one.creator === null ? "none: nothing was charged" : h("span", {}, `${one.creator.name} `, h("code", { class: "hash" }, one.creator.id))),
        h("dt", {}, "Found"), h("dd", {}, timeNode(one.at)),
        h("dt", {}, "Rests on entries"), h("dd", {}, this.evidence(one)),
        h("dt", {}, "What was done"), h("dd", {}, one.done === "held" ? "The creator's share was held" : "Nothing")),
      one.trail.length === 0 ? null : trailList(one.trail),
      h("div", { class: "row" },
        one.creator === null ? null : h("button", { type: "button", class: "small", id: `${id}-picture`, "aria-expanded": "false", onclick: (event) => this.picture(one, group, event.currentTarget) }, "Show the group"),
        h("span", { class: "hint" }, "With its evidence as a file: ", h("code", {}, `farthing fraud export ${one.finding}`))),
      group);
  }

  evidence(one) {
    if (one.entries.length === 0) return "none; what was seen left no entry";
    const more = one.entries_in_all - one.entries.length;
    return `${one.entries.join(", ")}${more > 0 ? ` and ${count(more)} more` : ""} (the newest then: ${one.newest_entry_then})`;
  }

  async picture(one, place, button) {
    if (place.childElementCount > 0) {
      place.replaceChildren();
      button.setAttribute("aria-expanded", "false");
      button.textContent = "Show the group";
      return;
    }
    button.disabled = true;
    try {
      const drawn = await requestText(`/v1/review/findings/${one.finding}/picture`);
      // An image runs no script, whatever its text says.
      place.replaceChildren(h("img", { class: "group-picture", src: `data:image/svg+xml,${encodeURIComponent(drawn)}`,
        alt: `Accused wallets as rows and the creators that they paid as columns; the larger a circle, the more payments. Filled circles are payments to ${one.creator.name}.` }));
      button.setAttribute("aria-expanded", "true");
      button.textContent = "Hide the group";
    } catch (error) {
      if (error.kind !== "signed_out") place.replaceChildren(problemNode(error, () => { place.replaceChildren(); this.picture(one, place, button); }));
    } finally {
      button.disabled = false;
    }
  }

  // ---- choosing --------------------------------------------------------------------------

  select(finding, isSelected) {
    if (isSelected) this.selected.add(finding);
    else this.selected.delete(finding);
    this.showChoice();
  }

  selectAll(isSelected) {
    this.selected = new Set(isSelected ? this.cases.keys() : []);
    this.showChoice();
  }

  showChoice() {
    for (const [finding, { node }] of this.cases) {
      const isSelected = this.selected.has(finding);
      node.classList.toggle("selected", isSelected);
      byId(`case-${finding}-box`).checked = isSelected;
    }
    const chosen = this.selected.size;
    byId("select-all").checked = chosen > 0 && chosen === this.cases.size;
    byId("select-all").indeterminate = chosen > 0 && chosen < this.cases.size;
    byId("bulk-count").textContent = chosen === 0 ? "None selected" : `${count(chosen)} selected, ${this.heldText()} held`;
    for (const button of byId("bulk-acts").children) button.disabled = chosen === 0;
  }

  heldText() {
    let held = 0n;
    for (const finding of this.selected) held += micros(this.cases.get(finding).one.held);
    return money(decimalOf(held), this.reviewer.currency) + (this.reviewer.demo ? " demo" : "");
  }

  // ---- deciding --------------------------------------------------------------------------

  ask(act) {
    const [label, words] = ACTS[act];
    this.act = act;
    const findings = [...this.selected].sort((a, b) => a - b);
    byId("decide-title").textContent = `${label} ${plural(findings.length, "finding", "findings")}`;
    byId("decide-words").textContent = words;
    byId("decide-which").textContent = `${findings.length === 1 ? "Finding" : "Findings"} ${findings.slice(0, 12).join(", ")}${findings.length > 12 ? ` and ${findings.length - 12} more` : ""}; ${this.heldText()} held.`;
    byId("decide-send").textContent = label;
    byId("decide-error").textContent = "";
    byId("decide-dialog").showModal();
    byId("decide-why").focus();
  }

  async send() {
    const why = byId("decide-why").value.trim();
    byId("decide-error").textContent = why === "" ? "Say why: those concerned read it." : "";
    if (why === "") { byId("decide-why").focus(); return; }
    const act = this.act;
    const chosen = [...this.selected].sort((a, b) => a - b);
    byId("decide-send").disabled = true;
    try {
      const rows = [];
      // As many as the verifier takes at once.
      for (let from = 0; from < chosen.length; from += 200) {
        const answer = await requestJson("/v1/review/decisions", { method: "POST", body: { act, findings: chosen.slice(from, from + 200), why } });
        rows.push(...answer.data);
        for (const row of answer.data) if (row.done) this.selected.delete(row.finding);
      }
      byId("decide-dialog").close();
      byId("decide-why").value = "";
      this.tell(act, rows);
      await this.load();
    } catch (error) {
      // What was written stays where it is. What was decided before the failure is gone from the choice.
      byId("decide-error").textContent = error.canRetry ? `${error.message} It is not known whether it was done; doing it again does no harm.` : error.message;
    } finally {
      byId("decide-send").disabled = false;
    }
  }

  tell(act, rows) {
    const failed = rows.filter((row) => !row.done);
    const isWallet = ["freeze", "slow", "thaw"].includes(act);
    const done = rows.length - failed.length;
    const words = isWallet ? `The wallets of ${plural(done, "finding", "findings")} were ${PAST[act]}.` : `${plural(done, "finding was", "findings were")} ${PAST[act]}.`;
    const notice = h("div", { class: "notice", role: "status" },
      h("div", {}, h("p", {}, words), failed.length === 0 ? null : h("ul", { class: "not-done" },
        failed.map((row) => h("li", {}, `Finding ${row.finding} was not: ${row.why_not}`)))));
    notice.append(h("button", { type: "button", class: "quiet", onclick: () => notice.remove() }, "Close"));
    byId("decided-words").replaceChildren(notice);
    announce(words);
  }
}
