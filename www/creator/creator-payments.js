// The list of payments, newest first: more on demand, new ones as they come, and a check that
// the list is whole. Every payment carries its running number and the running total after it,
// so a missing or changed one shows up in the reader's own browser.

import { requestJson, request } from "./creator-api.js";
import { amountNode, announce, byId, decimalOf, h, micros, money, plural, saveFile, sizeText, snippet, timeNode } from "./creator-dom.js";
import { problemNode } from "./creator-problem.js";

const PAGE = 25;
// What one answer holds at most.
const PAGE_MAX = 200;

// Looks whether `claims` (newest first) follow one another without a gap and add up.
// Null when they do, else a sentence that names the first place where they do not.
export function findGap(claims) {
  for (let at = 0; at + 1 < claims.length; at += 1) {
    const [newer, older] = [claims[at], claims[at + 1]];
    if (newer.number !== older.number + 1) {
      return `Between number ${older.number} and number ${newer.number} something is missing.`;
    }
    const expected = micros(older.running_total) + micros(newer.credited);
    if (micros(newer.running_total) !== expected) {
      return `Number ${newer.number} should bring the running total to ${decimalOf(expected)}, but it says ${newer.running_total}.`;
    }
  }
  const first = claims.at(-1);
  if (first !== undefined && first.number === 1 && micros(first.running_total) !== micros(first.credited)) {
    return "The first payment and the running total after it differ.";
  }
  return null;
}

// What became of a payment whose money went back; null where it did not.
function backWord(claim) {
  if (claim.refunded_at !== null) return "given back";
  return micros(claim.returned) > 0n ? "returned after a finding" : null;
}

export class Payments {
  constructor(account) {
    this.account = account;
    this.claims = [];
    this.next = null;
    this.isBusy = false;
    this.isStale = false;
    this.isBackStale = false;
    byId("csv").addEventListener("click", () => this.download("csv", "/v1/creator/claims.csv", "text/csv", "csv"));
    byId("statement").addEventListener("click", () =>
      this.download("statement", "/v1/creator/statement", "application/octet-stream", "farthing-statement"));
  }

  async start() {
    const place = byId("payments");
    place.setAttribute("aria-busy", "true");
    try {
      const page = await requestJson(`/v1/creator/claims?limit=${PAGE}`);
      this.claims = page.data;
      this.next = page.next ?? null;
      this.draw();
    } catch (error) {
      place.replaceChildren(problemNode(error, () => this.start()));
    } finally {
      place.removeAttribute("aria-busy");
    }
  }

  // Fetches what is newer than the list, and what was given back of what it shows. Asked again meanwhile, it runs
  // once more at the end.
  async refresh(wasGivenBack) {
    this.isStale = true;
    this.isBackStale ||= wasGivenBack;
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      while (this.isStale) {
        this.isStale = false;
        const isBack = this.isBackStale;
        this.isBackStale = false;
        let page = await requestJson(`/v1/creator/claims?limit=${isBack ? PAGE_MAX : PAGE}`);
        this.merge(page);
        // Older ones, that were asked for with "Show more", may have been given back as well.
        while (isBack && page.next && Number(page.data.at(-1)?.number) > (this.claims.at(-1)?.number ?? Infinity)) {
          page = await requestJson(`/v1/creator/claims?limit=${PAGE_MAX}&cursor=${encodeURIComponent(page.next)}`);
          this.mark(page.data);
        }
      }
    } catch {
      this.isBackStale = true;
      // The totals are right all the same, and the next change or reconnect asks again.
    } finally {
      this.isBusy = false;
    }
  }

  // A payment goes back once, and stays so; its other figures never change.
  mark(data) {
    const back = new Map(data.filter((claim) => backWord(claim) !== null).map((claim) => [claim.number, claim]));
    const isNew = (claim) => backWord(claim) === null && back.has(claim.number);
    if (!this.claims.some(isNew)) return;
    this.claims = this.claims.map((claim) => isNew(claim) ? back.get(claim.number) : claim);
    this.draw();
  }

  merge(page) {
    this.mark(page.data);
    const newest = this.claims[0]?.number ?? 0;
    const isBridged = page.data.some((claim) => claim.number === newest) || this.claims.length === 0;
    if (isBridged) {
      const fresh = page.data.filter((claim) => claim.number > newest);
      if (fresh.length === 0) return;
      if (this.claims.length === 0) this.next = page.next ?? null;
      this.claims = [...fresh, ...this.claims];
      this.draw(newest);
      return;
    }
    // More came than one page holds: begin anew, "show more" leads back to the older ones.
    this.claims = page.data;
    this.next = page.next ?? null;
    this.draw();
  }

  async more(button) {
    button.disabled = true;
    button.textContent = "Loading…";
    try {
      const page = await requestJson(`/v1/creator/claims?limit=${PAGE}&cursor=${encodeURIComponent(this.next)}`);
      const oldest = this.claims.at(-1)?.number ?? Infinity;
      this.claims = [...this.claims, ...page.data.filter((claim) => claim.number < oldest)];
      this.next = page.next ?? null;
      this.draw();
      announce(`${plural(this.claims.length, "payment", "payments")} shown.`);
      byId("payments-more")?.focus();
    } catch (error) {
      button.disabled = false;
      button.textContent = "Show more";
      button.parentElement.querySelector(".problem")?.remove();
      button.before(problemNode(error, () => this.more(button)));
    }
  }

  draw(newSince = Infinity) {
    const place = byId("payments");
    for (const id of ["csv", "statement"]) byId(id).disabled = this.claims.length === 0;
    if (this.claims.length === 0) {
      place.replaceChildren(h("p", { class: "empty" }, "No payments yet. They appear here by themselves, the newest first."));
      return;
    }
    const rows = this.claims.map((claim) => h("tr", { class: claim.number > newSince ? "changed" : null },
      h("td", { class: "number" }, String(claim.number)),
      h("td", {}, timeNode(claim.at)),
      h("td", {}, claim.kind === "donation" ? "Donation" : claim.item?.title ?? claim.item?.name ?? "An item no longer listed",
        // Here, and not beside the amount, it is seen on a phone without scrolling.
        backWord(claim) === null ? null : h("small", { class: "back-mark", title: claim.refunded_at }, backWord(claim))),
      h("td", { class: "number" }, amountNode(claim.amount, this.account), claim.free === "0.00" ? null
        : h("small", { class: "free-mark" }, ` ${money(claim.free, this.account.currency)} welcome credit`)),
      h("td", { class: "number" }, money(claim.running_total, this.account.currency)),
      h("td", { class: "hash" }, h("code", { title: `Claim ${claim.claim_id}` }, `${claim.claim_id.slice(0, 8)}…`))));
    const head = ["number:No.", "When", "For", "number:Amount", "number:Total after it", "Claim"].map((label) => h("th",
      { scope: "col", class: label.startsWith("number:") ? "number" : null }, label.replace("number:", "")));
    const more = this.next === null ? null : h("button", { type: "button", id: "payments-more" }, "Show more");
    more?.addEventListener("click", () => this.more(more));
    place.replaceChildren(...[
      h("div", { class: "table-scroll", tabindex: "0", role: "group", "aria-labelledby": "payments-title" },
        h("table", { class: "payments" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows))),
      this.claims.every((claim) => backWord(claim) === null) ? null : h("p", { class: "hint" },
        "A payment that went back keeps its number and stays in the total after it, so that nothing can be taken out unseen. What went back is added up by itself, beside your totals."),
      h("div", { class: "list-foot" }, this.checkNode(), more)].filter((node) => node !== null));
  }

  checkNode() {
    const gap = findGap(this.claims);
    if (gap !== null) return h("p", { class: "problem", role: "alert" }, `This list does not add up. ${gap} Download the CSV and ask your provider.`);
    return h("p", { class: "checked" }, this.claims.length === 1
      ? "Checked in this browser: the total after this payment agrees with it."
      : `Checked in this browser: these ${this.claims.length} payments follow one another without a gap, and each total is the one before plus what you were credited.`);
  }

  // The whole command, so that nothing of it has to be looked for.
  async showCommand(name) {
    byId("csv-status").append(" It holds a proof for each payment. Check it on your own computer, offline, with this command:");
    let key = "KEY";
    try {
      key = (await (await request("/log/key", { signedIn: false, accept: "text/plain" })).text()).trim();
    } catch {
      // The file is saved all the same.
    }
    // What is pasted into a shell holds nothing that a shell would take for more than a word.
    if (!/^[\w.:/+=-]+$/.test(key)) key = "KEY";
    const command = `farthing verify statement ${name} --key '${key}' --creator ${this.account.id}`;
    byId("statement-command").replaceChildren(snippet(command, "the command that checks the statement"), h("p", { class: "hint" }, key === "KEY"
      ? "In place of KEY belongs the key of your provider's log, which is at /log/key."
      : "Keep the key: it stays the same, and every statement is checked with it. Ask another creator of your provider whether theirs is the same."));
  }

  async download(id, path, type, ending) {
    const button = byId(id);
    const status = byId("csv-status");
    button.disabled = true;
    byId("statement-command").replaceChildren();
    status.textContent = "Preparing the file…";
    try {
      // No time limit on the whole: a long history may take minutes; it ends when it ends.
      const response = await request(path, { accept: type, signal: new AbortController().signal });
      const parts = [];
      let size = 0;
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        parts.push(value);
        size += value.length;
        status.textContent = `Preparing the file… ${sizeText(size)}`;
      }
      const day = new Date().toISOString().slice(0, 10);
      const name = `farthing-payments-${day}.${ending}`;
      saveFile(new Blob(parts, { type }), name);
      status.textContent = `Saved as ${name} (${sizeText(size)}).`;
      if (id === "statement") await this.showCommand(name);
    } catch (error) {
      status.textContent = `The file could not be made: ${error.kind === undefined ? "the connection broke off" : error.message}`;
    } finally {
      button.disabled = false;
    }
  }
}
