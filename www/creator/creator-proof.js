// "Check every payment": downloads the statement and proves it in this browser, in workers. What was
// seen of the log is remembered here, so that the next check notices a log that was changed meanwhile.

import { ApiError, request } from "./creator-api.js";
import { amountNode, announce, byId, count, h, micros, money, plural, saveFile, sizeText, timeNode } from "./creator-dom.js";
import { problemNode } from "./creator-problem.js";

const SEEN_KEY = "farthing.creator.log";

// What this browser has seen of the log: its key, its last proven checkpoint, and when; and under each
// creator who signed in here, where the proven payments and refunds ended.
function remembered() {
  try {
    const seen = JSON.parse(localStorage.getItem(SEEN_KEY) ?? "null");
    return typeof seen?.key === "string" && typeof seen.note === "string" ? seen : null;
  } catch {
    return null;
  }
}

// What was proven of one creator's payments; null when nothing was, or it is not what this page wrote.
function provenOf(seen, creator) {
  const proven = seen?.proven?.[creator];
  const isWhole = ["payments", "entry", "refunds", "refund_entry"].every((name) => Number.isSafeInteger(proven?.[name]))
    && ["total", "refunded"].every((name) => /^\d+\.\d{2,6}$/.test(proven[name]));
  return isWhole ? proven : null;
}

function remember(seen) {
  try {
    if (seen === null) localStorage.removeItem(SEEN_KEY);
    else localStorage.setItem(SEEN_KEY, JSON.stringify(seen));
    return true;
  } catch {
    return false;
  }
}

export class Proof {
  // `shown` answers the totals as the page shows them at the moment.
  constructor(account, shown) {
    this.account = account;
    this.shown = shown;
    this.checker = null;
    this.abort = null;
    byId("proof-check").addEventListener("click", () => this.check());
    byId("proof-stop").addEventListener("click", () => this.stop());
    this.draw();
  }

  // Whatever the page shows has changed, or nothing is there to be checked.
  draw() {
    // A page that shows nothing where something was proven is to be checked most of all.
    const isEmpty = this.shown().payments === 0 && provenOf(remembered(), this.account.id) === null;
    byId("proof-check").disabled = isEmpty || this.abort !== null;
    byId("proof-empty").hidden = !isEmpty;
  }

  stop() {
    this.abort?.abort();
    this.checker?.stop();
  }

  async check() {
    if (this.abort !== null) return;
    this.abort = new AbortController();
    const { payments, total, refunds, refunded } = this.shown();
    this.busy(true);
    this.say("Fetching the checking program…", 0, payments);
    byId("proof-verdict").replaceChildren();
    try {
      const verdict = await this.run({ payments, total, refunds, refunded });
      byId("proof-verdict").replaceChildren(...(verdict.said === "lie" ? this.lie(verdict) : this.proven(verdict)));
      announce(verdict.said === "lie" ? `The check found something wrong. ${verdict.title}.` : this.sentence(verdict));
    } catch (error) {
      byId("proof-verdict").replaceChildren(...this.failed(error));
    } finally {
      this.checker?.stop();
      this.checker = null;
      this.abort = null;
      this.busy(false);
      this.draw();
    }
  }

  busy(isBusy) {
    byId("proof-work").hidden = !isBusy;
    byId("proof-check").hidden = isBusy;
    byId("proof").toggleAttribute("aria-busy", isBusy);
  }

  say(words, done, all) {
    byId("proof-status").textContent = words;
    byId("proof-bar").max = Math.max(all, 1);
    byId("proof-bar").value = done;
  }

  async run(shown) {
    const { payments } = shown;
    const { Checker, checkStatements, workersFor } = await import("$PROOFS");
    this.abort.signal.throwIfAborted();
    this.checker = new Checker();
    await this.checker.start(workersFor(payments));
    const key = (await (await request("/log/key", { signedIn: false, accept: "text/plain" })).text()).trim();
    const seen = remembered();
    // Another key is another log: it is checked against what was seen all the same, and so named.
    const note = seen?.note ?? "";
    const before = provenOf(seen, this.account.id);
    const wanted = { key, creator: this.account.id, seen: note, before, ...shown };
    const tell = (step, done) => this.say(step === "wait"
      ? "The newest payments are on their way into the log…"
      : `Checked ${count(done)} of ${plural(payments, "signature", "signatures")}…`, done, payments);
    const verdict = await checkStatements(this.checker, wanted, (from, to, since, refunds) => this.fetch(from, to, since, refunds), tell);
    if (verdict.said === "proven") {
      const at = new Date().toISOString();
      const { payments: count, entry, total, refunds, refund_entry, refunded } = verdict;
      const proven = { ...seen?.proven, [this.account.id]: { payments: count, entry, total, refunds, refund_entry, refunded } };
      return { ...verdict, seen, before, key, at, isKept: remember({ key, note: verdict.checkpoint, at, proven }) };
    }
    return { ...verdict, seen };
  }

  async fetch(from, to, since, refunds) {
    const path = `/v1/creator/statement?from=${from}&to=${to}&refunds_from=${refunds}`;
    const options = { accept: "application/octet-stream", signal: this.abort.signal };
    let response;
    try {
      response = await request(since > 0 ? `${path}&since=${since}` : path, options);
    } catch (error) {
      if (error.code === "not_logged_yet") return null;
      if (error.field !== "since") throw error;
      // The log is shorter than what this browser saw: the check itself will say so.
      response = await request(path, options);
    }
    const parts = [];
    let size = 0;
    const reader = response.body.getReader();
    for (;;) {
      let piece;
      try {
        piece = await reader.read();
      } catch (error) {
        this.abort.signal.throwIfAborted();
        throw new ApiError("network", "The statement was cut off on its way.");
      }
      if (piece.done) break;
      parts.push(piece.value);
      size += piece.value.length;
      byId("proof-status").textContent = `Downloading payments ${count(from)} to ${count(to)}… ${sizeText(size)}`;
    }
    const file = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      file.set(part, at);
      at += part.length;
    }
    return file;
  }

  sentence({ payments, total }) {
    return `${count(payments)} of ${plural(payments, "payment", "payments")} proven, 0 missing, ${money(total, this.account.currency)}.`;
  }

  proven(verdict) {
    const { payments, paid, total, refunds, refunds_newer: newer, refunded, left, size, seen, before, at, isKept } = verdict;
    const fee = micros(paid) - micros(total);
    const { returned } = this.shown();
    const since = seen === null
      ? "This is the first check in this browser. From now on it also notices when the log is changed afterwards."
      : h("span", {}, "The log still begins with everything that this browser saw on ", timeNode(seen.at), ".");
    const facts = [
      `Each of them is signed by the visitor who paid, and each signature holds.`,
      `Each stands in your provider's public log, which has ${plural(size, "entry", "entries")}, as it was when it was paid.`,
      `They are numbered from 1 to ${count(payments)} without a gap, and their sum is the total that this page shows.`,
      since,
      before === null ? null : `The ${plural(before.payments, "payment", "payments")} proven then ${before.payments === 1 ? "is" : "are"} still there, in the same place.`,
      fee > 0n ? `Visitors signed for ${money(paid, this.account.currency)}, and ${money(total, this.account.currency)} was credited to you. The rest is your provider's fee, or was paid with welcome credit, which nobody is credited for.` : null,
      refunds > 0 ? `${plural(refunds, "refund", "refunds")}, ${newer > 0 ? "" : "each of one of these payments and "}proven as well, took ${money(refunded, this.account.currency)} back; ${money(left, this.account.currency)} is left.` : null,
      micros(returned) > 0n ? `Of your total, ${money(returned, this.account.currency)} went back to payers because findings were upheld. Your provider says so; this check does not prove it.` : null,
      newer > 0 ? `${plural(newer, "refund is", "refunds are")} of payments newer than the ones checked here. Check again to have them looked at. If nobody has paid since and this stays, ask your provider which payments they were of.` : null,
      isKept ? null : "This browser keeps nothing on this page, so the next check cannot compare the log with today's.",
    ];
    return [h("div", { class: "verdict good" },
      h("p", { class: "verdict-line" },
        h("strong", {}, `${count(payments)} of ${plural(payments, "payment", "payments")} proven, 0 missing, `),
        amountNode(total, this.account)),
      h("ul", {}, facts.filter((fact) => fact !== null).map((fact) => h("li", {}, fact))),
      h("p", { class: "hint" }, "Checked in this browser at ", timeNode(at), ". What no check can show: that nobody else is shown another log. Compare the log's key with another creator of your provider: ", h("code", { class: "key" }, verdict.key)))];
  }

  lie(verdict) {
    const { lie, title, text, evidence } = verdict;
    const buttons = [];
    if (evidence !== null && evidence !== undefined) {
      buttons.push(h("button", { type: "button", onclick: () => this.save(evidence) }, "Save the evidence"));
    }
    if (lie === "other_log") {
      buttons.push(h("button", { type: "button", class: "quiet", onclick: () => { remember(null); this.check(); } }, "Go on with the new log"));
    }
    return [h("div", { class: "verdict bad", role: "alert" },
      h("p", { class: "verdict-line" }, h("strong", {}, `${title}.`)),
      h("p", {}, text),
      h("p", { class: "hint" }, "The name of this finding, for your provider or a lawyer: ", h("code", {}, lie), ". The command ", h("code", {}, "farthing verify statement"), " names it as well where the saved file shows it by itself."),
      h("div", { class: "row" }, buttons))];
  }

  save(evidence) {
    const day = new Date().toISOString().slice(0, 10);
    saveFile(new Blob([evidence], { type: "application/octet-stream" }), `farthing-evidence-${day}.farthing-statement`);
  }

  failed(error) {
    // Somebody pressed "Stop", or the session ended and the page shows the way back.
    if (this.abort.signal.aborted || error.kind === "signed_out") return [];
    if (error.kind !== undefined) return [problemNode(error, () => this.check())];
    if (error.isCheckFailed === true) return [h("p", { class: "problem", role: "alert" }, error.message)];
    console.error(error);
    return [h("p", { class: "problem", role: "alert" }, "The checking program could not be loaded or run. Nothing is known about your payments by that. Reload the page and try again.")];
  }
}
