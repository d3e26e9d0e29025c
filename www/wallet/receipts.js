// Receipts: kept in this browser for each payment of this wallet, saved as files, and checked again by
// the module in workers, which is fetched only for that. `cargo xtask wasm` joins this to wallet.js.
//
// What was seen of the provider's log is kept beside them, so that a log that went back or has another
// past is noticed and named.
const receipts = {};

let receiptsDb;
const receiptStore = () =>
  (receiptsDb ??= new Promise((done, fail) => {
    const request = indexedDB.open("farthing-receipts", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("receipts");
      request.result.createObjectStore("log");
    };
    request.onsuccess = () => done(request.result);
    request.onerror = request.onblocked = () => fail(request.error);
  }));
const receiptDo = async (store, mode, act) => {
  const at = (await receiptStore()).transaction(store, mode, { durability: "strict" }).objectStore(store);
  return new Promise((done, fail) => {
    const request = act(at);
    at.transaction.oncomplete = () => done(request.result);
    at.transaction.onerror = at.transaction.onabort = () => fail(request.error);
  });
};
const keptReceipts = () => receiptDo("receipts", "readonly", (at) => at.getAll());
const keepReceipt = (kept) => receiptDo("receipts", "readwrite", (at) => at.put(kept, kept.entry));
const seenLog = () => receiptDo("log", "readonly", (at) => at.get("seen"));
const keepLog = (seen) => receiptDo("log", "readwrite", (at) => (seen ? at.put(seen, "seen") : at.delete("seen")));

// A text of the provider's, or the status that came instead of it: 0 without a connection.
const fetchText = async (path) => {
  try {
    const response = await fetch(path, {
      cache: "no-store", credentials: "omit", redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const { ok, status } = response;
    return { text: ok ? await response.text() : null, status, retry: +response.headers.get("Retry-After") };
  } catch {
    return { text: null, status: 0, retry: 0 };
  }
};

// Payments whose receipt is still to come, by entry; fetched one after another.
const RECEIPT_TRIES = 12;
// So many at one visit: whoever brings a long history into a new browser asks for the others one by one.
const RECEIPTS_A_VISIT = 20;
const awaited = new Map();
let isFetching = false;
const factsOf = ({ entry, claim_id: claim, at, amount, creator, item }) => {
  const to = creator?.name ?? creator?.id ?? "";
  return { entry, claim, at, amount, currency, creator: creator?.id, to, title: item?.title ?? "" };
};
receipts.heard = async (entries) => {
  try {
    const known = new Set((await keptReceipts()).map(({ entry }) => entry));
    // A refund names its payment's claim, but has no receipt of its own.
    const missing = entries.filter(({ entry, kind, claim_id }) => kind == "claim" && claim_id && !known.has(entry));
    for (const row of missing.slice(0, RECEIPTS_A_VISIT)) {
      if (!awaited.has(row.entry)) awaited.set(row.entry, { ...factsOf(row), tries: 0 });
    }
    await draw();
    await fetchAwaited();
  } catch {
    // Storage that is blocked keeps nothing; the payments stand in the list above all the same.
    say("This browser does not let this page keep receipts.");
  }
};
// The receipt of one payment, kept from now on; nothing when it cannot be had.
receipts.fetchOne = async (row) => {
  const { text } = await fetchText(`/v1/receipts/${row.claim_id}?entry=${row.entry}`);
  const key = text == null ? "" : (await fetchText("/log/key")).text?.trim();
  if (!key) return;
  const kept = { ...factsOf(row), text, key, state: "kept" };
  await keepReceipt(kept);
  awaited.delete(row.entry);
  await draw();
  return kept;
};
const fetchAwaited = async () => {
  if (isFetching) return;
  isFetching = true;
  let pause = 1;
  try {
    for (const payment of awaited.values()) {
      if (payment.isLate) continue;
      const { text, status, retry } = await fetchText(`/v1/receipts/${payment.claim}?entry=${payment.entry}`);
      const key = text == null ? "" : (await fetchText("/log/key")).text?.trim();
      if (key) {
        const { tries, ...facts } = payment;
        await keepReceipt({ ...facts, text, key, state: "kept" });
        awaited.delete(payment.entry);
        continue;
      }
      // The log covers a payment two seconds after it at the latest. What is late is asked for again at the next visit.
      pause = Math.max(pause, retry || 0);
      payment.isLate = ++payment.tries >= RECEIPT_TRIES || status == 0;
    }
  } finally {
    isFetching = false;
  }
  await draw();
  if ([...awaited.values()].some(({ isLate }) => !isLate)) setTimeout(fetchAwaited, pause * 1000);
};

// Drawing.
const node = (tag, text, facts = {}) => Object.assign(document.createElement(tag), { textContent: text }, facts);
const receiptPlace = () => $("[data-receipts]")[0];
const say = (text) => {
  const [place] = $("[data-receipts-note]");
  const said = words(text);
  if (place.textContent != said) place.textContent = said;
};
// Texts side by side keep their own direction.
const alone = (text) => `\u2068${text}\u2069`;
// What is put into a sentence stands between U+0003 (see `words`).
const part = (value) => `\x03${value}\x03`;
const STATES = {
  waiting: "not in the log yet",
  kept: "kept",
  proven: "✓ proven",
  bad: "does not hold",
};
const SHOWN = 10;
let showAll = false;
const draw = async () => {
  const kept = await keptReceipts();
  const waiting = [...awaited.values()].map((payment) => ({ ...payment, state: "waiting" }));
  const rows = [...kept, ...waiting].sort((a, b) => b.entry - a.entry);
  const place = receiptPlace();
  place.hidden = rows.length == 0;
  const list = place.querySelector("ul");
  list.replaceChildren(...rows.slice(0, showAll ? rows.length : SHOWN).map(rowOf));
  const [check, save, more] = place.querySelectorAll("button[data-receipts-do]");
  check.disabled = save.disabled = kept.length == 0 || checking != null;
  more.hidden = showAll || rows.length <= SHOWN;
};
const rowOf = (payment) => {
  const row = node("li", "");
  const what = node("div", "");
  const when = new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(payment.at));
  what.append(node("b", `${alone(money(payment.amount))} · ${alone(payment.to)}`), node("span", payment.title ? `${alone(payment.title)}, ${alone(when)}` : when));
  if (payment.why) what.append(node("span", words(payment.why), { className: "bad" }));
  const state = node("output", words(STATES[payment.state]));
  state.dataset.state = payment.state;
  row.append(what, state);
  if (payment.text) {
    const save = node("button", words("Save"), { type: "button", className: "plain" });
    save.ariaLabel = words(`Save the receipt: ${part(money(payment.amount))}, ${part(payment.to)}`);
    save.onclick = () => saveAs(new Blob([payment.text], { type: "text/plain" }), nameOf(payment));
    row.append(save);
  }
  return row;
};

// Files. One receipt is as `farthing verify receipt` takes it; all of them are a tar of such files.
const nameOf = ({ at, entry }) => `farthing-${at.slice(0, 10)}-entry-${entry}.tlog-proof`;
const saveAs = (blob, name) => {
  const href = URL.createObjectURL(blob);
  const link = node("a", "", { href, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
};
const tarOf = (files) => {
  const encoder = new TextEncoder();
  const octal = (number, width) => number.toString(8).padStart(width - 1, "0") + "\0";
  const parts = files.flatMap(({ name, text, at }) => {
    const body = encoder.encode(text);
    const head = new Uint8Array(512);
    const put = (from, value) => head.set(encoder.encode(value), from);
    put(0, name);
    put(100, octal(0o644, 8) + octal(0, 8) + octal(0, 8));
    put(124, octal(body.length, 12) + octal(Math.floor(Date.parse(at) / 1000), 12));
    put(148, "        0");
    put(257, "ustar\x0000");
    put(148, octal(head.reduce((sum, byte) => sum + byte, 0), 7) + " ");
    return [head, body, new Uint8Array((512 - (body.length % 512)) % 512)];
  });
  return new Blob([...parts, new Uint8Array(1024)], { type: "application/x-tar" });
};

// The check.
let checking = null;
const checkReceipts = async () => {
  if (checking) return;
  checking = {};
  receiptPlace().querySelector("[data-receipts-alarm]").replaceChildren();
  say("Checking…");
  let checker;
  try {
    await draw();
    const { Checker } = await import("$PROOFS");
    checker = await new Checker().start(1);
    const all = await keptReceipts();
    let good = 0;
    for (const [number, kept] of all.entries()) {
      say(`Checking receipt ${part(number + 1)} of ${part(all.length)}…`);
      const answer = await checker.ask({ do: "receipt", key: kept.key, text: kept.text });
      // Receipts kept by an earlier version of this page know neither creator nor currency.
      const isSame = (name) => kept[name] == null || answer[name] == kept[name];
      const isMine = ["claim", "entry", "amount", "currency", "creator"].every(isSame);
      const holds = answer.said == "receipt" && isMine;
      const why = holds ? "" : answer.said == "receipt" ? "This is the receipt of another payment." : answer.title;
      kept.state = holds ? "proven" : "bad";
      await keepReceipt({ ...kept, why });
      if (!holds) continue;
      good += 1;
      kept.note = answer.checkpoint;
      kept.size = answer.size;
    }
    const log = await checkLog(checker, all.filter(({ state }) => state == "proven"));
    say(`${part(good)} of ${part(all.length)} ${all.length == 1 ? "receipt is" : "receipts are"} proven. ${part(words(log))}`);
  } catch (error) {
    console.error("farthing:", error);
    say("The checking program could not be loaded or run. Nothing is known about your receipts by that.");
  } finally {
    checker?.stop();
    checking = null;
    await draw();
  }
};
// Whether the log of today goes on from all that this browser has seen of it. A sentence for the note.
const checkLog = async (checker, proven) => {
  const [{ text: newest, status }, { text: named }] = await Promise.all([fetchText("/log/checkpoint"), fetchText("/log/key")]);
  if (newest == null || named == null) {
    return status ? "The log could not be asked." : "Without a connection they were not compared with the log of today.";
  }
  const key = named.trim();
  const seen = await seenLog();
  const sizeOf = (note) => +note.split("\n")[1];
  const points = new Map(proven.filter((kept) => kept.key == key).map(({ note, size }) => [size, note]));
  const old = [...points].map(([, note]) => note);
  for (const note of seen ? [seen.note, ...old] : old) {
    const [from, to] = [sizeOf(note), sizeOf(newest)];
    const { text } = from < to ? await fetchText(`/v1/log/consistency?from=${from}&to=${to}`) : { text: "" };
    if (text == null) return "The log could not be asked how it went on.";
    const answer = await checker.ask({ do: "follow", key, old: note, new: newest, proof: text });
    if (answer.said != "followed") {
      alarm(answer, note, newest);
      return "";
    }
  }
  await keepLog({ key, note: newest, at: Date.now() });
  return seen
    ? "The log still begins with everything that this browser has seen."
    : "From now on this browser also notices when the log is changed.";
};
const alarm = ({ lie, title, text }, old, now) => {
  const box = node("div", "", { className: "box" });
  box.role = "alert";
  const save = node("button", words("Save the evidence"), { type: "button" });
  save.onclick = () => saveAs(new Blob([old, "\n", now], { type: "text/plain" }), "farthing-two-checkpoints.txt");
  const row = node("div", "", { className: "row" });
  row.append(save);
  if (lie == "other_log" || lie == "checkpoint") {
    const go = node("button", words("Go on with the new log"), { type: "button", className: "plain" });
    go.onclick = async () => {
      await keepLog(null);
      await checkReceipts();
    };
    row.append(go);
  }
  box.append(node("b", `${title}.`, { className: "bad" }), node("p", text), node("p", lie, { className: "small" }), row);
  receiptPlace().querySelector("[data-receipts-alarm]").replaceChildren(box);
};

for (const button of $("[data-receipts-do]")) {
  button.onclick = async () => {
    const act = button.dataset.receiptsDo;
    if (act == "check") return checkReceipts();
    if (act == "more") {
      showAll = true;
      return draw();
    }
    const files = (await keptReceipts()).map((kept) => ({ ...kept, name: nameOf(kept) }));
    saveAs(tarOf(files), `farthing-receipts-${new Date().toISOString().slice(0, 10)}.tar`);
  };
}
