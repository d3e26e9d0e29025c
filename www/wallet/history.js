// The history: every payment of this wallet with its site, item, amount, state and receipt; searched,
// filtered, and saved as files. `cargo xtask wasm` joins this to wallet.js.
//
// What was charged is what the verifier says, and nothing else. The last answer is kept in this page's
// own storage and shown at once, with its age, until a new one has come; so it is there without a
// connection too, and never looks like news. Of what was refused the verifier keeps the newest payment of each
// site and browser; what this page has listed of them stays. Two kinds of rows are known in this browser alone: payments made on this page whose
// answer has not come, which are asked about, and those that were refused here.
const past = {};
{
  // Storage: `kept` has the verifier's last answer by wallet, `refused` this page's refused payments, each with its
  // wallet: another one that is brought back in this browser has not made them.
  let pastDb;
  const pastStore = () =>
    (pastDb ??= new Promise((done, fail) => {
      const request = indexedDB.open("farthing-history", 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("kept");
        request.result.createObjectStore("refused");
      };
      request.onsuccess = () => done(request.result);
      request.onerror = request.onblocked = () => fail(request.error);
    }));
  const pastDo = async (store, mode, act) => {
    const at = (await pastStore()).transaction(store, mode).objectStore(store);
    return new Promise((done, fail) => {
      const request = act(at);
      at.transaction.oncomplete = () => done(request?.result);
      at.transaction.onerror = at.transaction.onabort = () => fail(at.transaction.error);
    });
  };

  // Bounds: pages of 200 entries that are read and kept, rows that are drawn at once, refusals kept.
  const PAGES_MAX = 50;
  const ROWS = 50;
  const REFUSED_MAX = 100;
  // By how much clocks may differ: CLOCK_SKEW_MS_MAX of shared/src/limits.rs.
  const SKEW_MS = 30_000;
  // A frame's claim can be charged for so long after the click: CLAIM_LIFE_MS of widget/src/signer.rs.
  const LIFE_MS = 100_000;

  // What is shown: the entries, when they were said, and whether that is news. `asking` until there is an
  // answer, `kept` when there is none; `part` where a first list came without its older pages.
  let entries = [];
  let saidAt = 0;
  let whole = true;
  let isPart = false;
  let freshness = "asking";
  let ownRows = [];
  let refusedRows = [];
  let drawn = ROWS;
  let pastRoot = "";

  past.begin = async (root, isHome) => {
    if (!root || !isHome) return;
    pastRoot = root;
    keepPage();
    try {
      await take(root);
    } catch {
      // Storage that is blocked keeps nothing; the verifier is asked all the same.
    }
    past.view("loading");
  };
  const take = async (root) => {
    const kept = await pastDo("kept", "readonly", (at) => at.get(root));
    if (!kept || saidAt) return;
    ({ entries, at: saidAt, whole, refused: refusedRows = [] } = kept);
    currency = kept.currency;
    await ownOnes();
    await drawPast();
  };

  // Keeps this page for a time without a connection (www/wallet/offline.js).
  const keepPage = async () => {
    try {
      const url = "/wallet-offline.js";
      const policy = globalThis.trustedTypes?.createPolicy("farthing-offline", { createScriptURL: () => url });
      await navigator.serviceWorker?.register(policy?.createScriptURL("") ?? url, { scope: "/wallet" });
    } catch {
      // A browser that keeps nothing shows nothing without a connection.
    }
  };

  // The view of the page changed. Above the history stands the wallet, or that nobody answers.
  past.view = (name) => {
    const shown = name == "home" || (/^(problem|loading)$/.test(name) && saidAt > 0);
    pastPlace().hidden = !pastRoot || !shown;
    if (name == "home") past.refresh();
    if (name == "problem" && saidAt) {
      freshness = "kept";
      drawPast();
    }
  };

  let refreshing = false;
  let refreshAgain = false;
  past.refresh = async () => {
    if (refreshing) return (refreshAgain = true);
    refreshing = true;
    try {
      do {
        refreshAgain = false;
        await readAll();
      } while (refreshAgain);
    } finally {
      refreshing = false;
    }
  };
  const readAll = async () => {
    const key = await keyOf();
    if (!key?.pk) return;
    // Another wallet came into this browser: its list is not this one's.
    if (pastRoot && pastRoot != key.pk) {
      entries = [];
      refusedRows = [];
      saidAt = 0;
      isPart = false;
      pastRoot = key.pk;
      await ownOnes();
    }
    pastRoot = key.pk;
    pastPlace().hidden = false;
    freshness = "asking";
    const begun = now();
    const read = [];
    let cursor = "";
    let isCut = false;
    for (let page = 0; page < PAGES_MAX; page++) {
      const path = `/v1/wallets/${pastRoot}/entries?limit=${page ? 200 : 50}${cursor && "&cursor=" + encodeURIComponent(cursor)}`;
      const answer = await ask("GET", path, "", await signWith(key, "read", "GET", path));
      if (answer.status != 200 || !Array.isArray(answer.data)) {
        // A whole list of before is more than the newest pages; half a one of before is not.
        isCut = page > 0 && (!saidAt || (isPart && read.length >= entries.length));
        if (isCut) break;
        freshness = "kept";
        return drawPast();
      }
      read.push(...answer.data);
      cursor = answer.next || "";
      // The newest page stands there while older ones are read.
      if (!page && !saidAt) {
        entries = read.slice();
        await drawPast();
      }
      if (!cursor) break;
    }
    const path = `/v1/wallets/${pastRoot}`;
    const answer = await ask("GET", path, "", await signWith(key, "read", "GET", path));
    // Without an answer the refused ones stay as they were: what was charged is news all the same.
    if (answer.status == 200 && Array.isArray(answer.allowances)) {
      const newest = answer.allowances
        .filter(({ refused }) => refused)
        .map(({ refused, creator }) => ({ ...refused, creator, when: Date.parse(refused.expires_at) - LIFE_MS }));
      // What was listed once stays: a refusal is for good, and the verifier keeps the newest one alone.
      const ids = new Set(newest.map(({ claim_id }) => claim_id));
      const older = refusedRows.filter(({ claim_id }) => !ids.has(claim_id));
      refusedRows = [...newest, ...older].sort((a, b) => b.when - a.when).slice(0, REFUSED_MAX);
    }
    entries = read;
    whole = !cursor;
    isPart = isCut;
    // What was charged while older pages were read may be missing.
    saidAt = begun;
    freshness = isPart ? "part" : "fresh";
    await settleOwn();
    await drawPast();
    if (isPart) return;
    try {
      await pastDo("kept", "readwrite", (at) => at.put({ entries, refused: refusedRows, at: saidAt, whole, currency }, pastRoot));
    } catch {
      // It is read anew next time.
    }
    receipts.heard(entries);
  };

  // This page's own payments, from their signed bytes: `amount` stands at byte 136 (shared/src/claim.rs).
  const amountOf = (claim) => {
    const bytes = Uint8Array.from(atob(claim.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt());
    return decimalOf(new DataView(bytes.buffer).getBigUint64(136));
  };
  const decimalOf = (micros) => {
    const digits = String(micros).padStart(7, "0");
    return `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/0{1,4}$/, "");
  };
  const microsOf = (decimal) => {
    const [units, rest = ""] = decimal.split(".");
    return BigInt(units + rest.padEnd(6, "0"));
  };
  // What the item page says about the payment at hand, for the rows of what it came to.
  past.aboutPayment = () => ({
    made: now(),
    to: $("[data-text=creator]")[0].textContent,
    title: $("[data-text=title]")[0].textContent,
  });
  const waitingClaims = async () => (await all("claims")).filter(({ claim, key }) => claim && key);

  const ownOnes = async () => {
    const refused = await pastDo("refused", "readonly", (at) => at.getAll()).catch(() => []);
    const waiting = (await waitingClaims().catch(() => [])).map((claim) => ({ ...claim, outcome: "" }));
    ownRows = [...refused, ...waiting].filter(({ root }) => root == pastRoot);
  };
  // Asks what became of each payment whose answer was lost. What is charged stands among the entries.
  const settleOwn = async () => {
    for (const claim of await waitingClaims().catch(() => [])) {
      const { id, key, sequence, expires } = claim;
      const answer = await ask("GET", `/v1/claims/${id}?key=${key}&sequence=${sequence}`);
      if (answer.status != 200) continue;
      const gone = answer.outcome != "not_seen" || answer.final || now() > +expires + SKEW_MS;
      if (!gone) continue;
      await past.settled(claim, answer);
      await forget(id);
    }
    await ownOnes();
  };
  // The fate of one of this page's own payments is known.
  past.settled = async (claim, { outcome, charged, message }) => {
    if (charged || !outcome || /^(accepted|already_owned)$/.test(outcome)) return;
    await pastDo("refused", "readwrite", (at) => at.put({ ...claim, outcome, message }, claim.id)).catch(() => {});
    const ids = await pastDo("refused", "readonly", (at) => at.getAll()).catch(() => []);
    const old = ids.sort((a, b) => b.made - a.made).slice(REFUSED_MAX);
    for (const { id } of old) await pastDo("refused", "readwrite", (at) => at.delete(id)).catch(() => {});
  };

  // Rows.
  const KINDS = {
    top_up: "Top-up",
    welcome: "Welcome credit",
    returned: "Payment given back",
    refund: "Refund",
  };
  const MARKS = {
    paid: "paid",
    refunded: "refunded",
    review: "under review",
    refused: "refused, not charged",
    unknown: "not known yet",
  };
  const hostOf = (site) => {
    try {
      return site == location.origin ? words("Farthing's own page") : new URL(site).host;
    } catch {
      return "";
    }
  };
  // Why a payment was refused; the verifier's own words are English.
  const whyOf = (outcome, message) => {
    if (outcome == "not_seen") return words("The payment did not arrive. You were not charged.");
    // What was left of a limit then is of no use later.
    return ((OUTCOMES ? OUTCOMES[outcome] : message) || "").replace(/: \{left\}/, "");
  };
  const rowsOf = () => {
    const theirs = entries.map((entry) => {
      const isClaim = entry.kind == "claim";
      const title = entry.item?.title || entry.item?.name || "";
      const state = !isClaim ? "" : entry.refunded ? "refunded" : entry.under_review ? "review" : "paid";
      const what = isClaim ? title || words("Donation") : words(KINDS[entry.kind] || entry.kind);
      return {
        ...entry,
        when: Date.parse(entry.at),
        state,
        what,
        about: [isClaim ? "" : title, entry.creator?.name, entry.site && hostOf(entry.site)].filter(Boolean).map(alone).join(" · "),
        out: isClaim,
      };
    });
    const known = new Set(theirs.map(({ claim_id }) => claim_id));
    const ours = ownRows
      .filter(({ id }) => !known.has(id))
      .map(({ id, made, claim, to, title, item, slot, outcome, message }) => ({
        entry: null,
        kind: "claim",
        at: new Date(made || 0).toISOString(),
        when: made || 0,
        amount: amountOf(claim),
        creator: { id: slot.split(" ")[0], name: to || "" },
        item: item ? { name: item, title: title || "" } : null,
        site: location.origin,
        claim_id: id,
        state: outcome ? "refused" : "unknown",
        outcome,
        why: whyOf(outcome, message),
        what: title || item || words("Donation"),
        about: [to, hostOf(location.origin)].filter(Boolean).map(alone).join(" · "),
        out: true,
      }));
    for (const { id } of ownRows) known.add(id);
    const refused = refusedRows
      .filter(({ claim_id }) => !known.has(claim_id))
      .map(({ claim_id, when, amount, creator, item, donation, site, outcome, message }) => ({
        entry: null,
        kind: "claim",
        at: new Date(when).toISOString(),
        when,
        amount,
        creator,
        item,
        site,
        claim_id,
        state: "refused",
        outcome,
        why: whyOf(outcome, message),
        what: item?.title || item?.name || (donation ? words("Donation") : creator.name),
        about: [creator.name, site && hostOf(site)].filter(Boolean).map(alone).join(" · "),
        out: true,
      }));
    return [...ours, ...refused, ...theirs].sort((a, b) => b.when - a.when || (b.entry || 0) - (a.entry || 0));
  };

  // The filter: every word somewhere in site, creator or item; the state; whole days of the visitor's own time.
  const pastPlace = () => $("[data-past]")[0];
  const pastField = (name) => pastPlace().querySelector(`[data-past-filter=${name}]`);
  const dayOf = (text, plus) => {
    const [year, month, day] = text.split("-").map(Number);
    return new Date(year, month - 1, day + plus).getTime();
  };
  const chosenRows = (rows) => {
    const wanted = pastField("text").value.toLocaleLowerCase(language).split(/\s+/).filter(Boolean);
    const state = pastField("state").value;
    const from = pastField("from").value ? dayOf(pastField("from").value, 0) : -Infinity;
    const until = pastField("until").value ? dayOf(pastField("until").value, 1) : Infinity;
    return rows.filter((row) => {
      if (row.when < from || row.when >= until) return false;
      if (state == "in" ? row.out : state && row.state != state) return false;
      if (!wanted.length) return true;
      const hay = [row.what, row.about, row.site, row.item?.name, row.creator?.id].join(" ").toLocaleLowerCase(language);
      return wanted.every((word) => hay.includes(word));
    });
  };

  // Drawing. Formatters are made once: each costs as much as many rows.
  const formats = {};
  const day = (ms) => (formats.day ??= new Intl.DateTimeFormat(language, { dateStyle: "medium" })).format(ms);
  const moment = (ms) =>
    (formats.moment ??= new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" })).format(ms);
  const cash = (decimal) => {
    formats[currency] ??= new Intl.NumberFormat(language, { style: "currency", currency, maximumFractionDigits: 6 });
    return formats[currency].format(decimal);
  };
  const ageOf = (ms) => {
    const age = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
    const [unit, size] = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]].find(([, size]) => ms >= size) || ["second", 1000];
    return age.format(-Math.floor(ms / size), unit);
  };
  const tellAge = () => {
    const values = [part(ageOf(Math.max(0, now() - saidAt))), part(moment(saidAt))];
    const said = {
      fresh: `As of ${part(moment(saidAt))}. Whatever was charged is in this list; what is not in it three minutes after a click was not charged and will not be.`,
      part: `As of ${part(moment(saidAt))}. No answer came about what is older than this list, so that is missing.`,
      asking: saidAt ? `This was said ${values[0]} (${values[1]}). Asking for news…` : "Loading…",
      kept: saidAt
        ? `No answer from the payment service. This was said ${values[0]} (${values[1]}); what happened since is missing.`
        : "No answer from the payment service, so nothing is known here yet.",
    };
    tell("note", words(said[freshness]));
    pastPlace().dataset.past = freshness;
  };
  // Above a list without the wallet stands a button of its own. While it is asked again the button keeps its place, and the focus.
  const drawAge = () => {
    tellAge();
    const again = pastPlace().querySelector("[data-past-do=again]");
    const isHome = document.documentElement.dataset.state == "home";
    if (freshness == "asking") return;
    if (document.activeElement == again && freshness == "fresh") pastPlace().querySelector("h2").focus();
    again.hidden = freshness == "fresh" || !isHome;
  };
  const tell = (name, text) => {
    const place = pastPlace().querySelector(`[data-past-${name}]`);
    if (place.textContent != text) place.textContent = text;
  };
  setInterval(() => saidAt && freshness == "kept" && !pastPlace().hidden && tellAge(), 60_000);

  let receiptTexts = new Map();
  const drawPast = async () => {
    receiptTexts = new Map((await keptReceipts().catch(() => [])).map((kept) => [kept.entry, kept]));
    drawRows();
  };
  const drawRows = () => {
    drawAge();
    const rows = rowsOf();
    const chosen = chosenRows(rows);
    const sum = (kinds) => {
      const parts = chosen.filter(({ kind, entry }) => entry && kinds.includes(kind));
      return part(cash(decimalOf(parts.reduce((total, { amount }) => total + microsOf(amount), 0n))));
    };
    const empty = rows.length == 0;
    for (const tool of $("[data-past-tools]")) tool.hidden = empty;
    tell(
      "count",
      empty
        ? ""
        : chosen.length
          ? words(`Shown: ${part(chosen.length)} of ${part(rows.length)}. Paid ${sum(["claim"])}, given back ${sum(["refund", "returned"])}.`)
          : words("Nothing fits. Search for less, or for another time."),
    );
    tell("empty", empty && freshness == "fresh" ? words("Nothing yet. What you pay will stand here.") : "");
    tell("part", whole ? "" : words(`Only the newest ${part(entries.length)} entries are shown here.`));
    tell(
      "refused",
      refusedRows.length
        ? words("Refused payments: the newest of each site and browser, and those that this browser listed before. Older ones are not kept, and none was charged.")
        : "",
    );
    $("[data-list=entries]")[0].replaceChildren(...chosen.slice(0, drawn).map(lineOf));
    pastPlace().querySelector("[data-past-do=more]").hidden = chosen.length <= drawn;
  };
  const lineOf = (row) => {
    const line = node("li", "");
    const what = node("div", "");
    what.append(node("b", row.what));
    if (row.about) what.append(node("span", row.about));
    if (row.state) {
      const mark = node("span", words(MARKS[row.state]), { className: "mark-" + row.state });
      mark.dataset.mark = row.state;
      what.append(mark);
    }
    if (row.why) what.append(node("span", row.why));
    const sign = row.out ? "\u2212" : "+";
    line.append(
      node("time", day(row.when), { dateTime: row.at, title: moment(row.when) }),
      what,
      node("output", sign + cash(row.amount)),
    );
    const acts = node("div", "", { className: "acts" });
    const act = (text, facts) => {
      const button = node("button", words(text), { type: "button", className: "plain", ...facts });
      button.ariaLabel = `${words(text)}: ${row.what}, ${day(row.when)}`;
      acts.append(button);
      return button;
    };
    const isNews = freshness == "fresh" || freshness == "part";
    if (row.kind == "claim" && (receiptTexts.has(row.entry) || (row.entry && isNews))) {
      act("Receipt").onclick = () => saveReceipt(row);
    }
    // Only what the verifier said just now can be asked back.
    if (row.refundable_until && isNews && Date.parse(row.refundable_until) > now()) {
      act("Refund", { value: `${row.entry} ${row.claim_id} ${row.amount} ${row.what}` }).dataset.do = "refund";
    }
    if (acts.firstChild) line.append(acts);
    return line;
  };

  // Files. A receipt that is not kept yet is fetched, one by one: by who asks for it.
  const saveReceipt = async (row) => {
    let kept = receiptTexts.get(row.entry);
    if (!kept) kept = await receipts.fetchOne(row).catch(() => {});
    if (!kept) return tell("count", words("The receipt could not be fetched. Please try again in a moment."));
    receiptTexts.set(row.entry, kept);
    saveAs(new Blob([kept.text], { type: "text/plain" }), nameOf(kept));
  };
  const dated = (name) => `farthing-history-${new Date(saidAt).toISOString().slice(0, 10)}.${name}`;
  // Quoted as RFC 4180 has it; what a spreadsheet would take for a formula is disarmed, as in the creator's files.
  const cell = (value) => {
    const text = String(value ?? "");
    // Where a comma is the decimal sign, a semicolon begins the next cell.
    const safe = text.replace(/(^|[;\t\r\n])(?=[=+\-@\t\r\n])/g, "$1'");
    return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  const csvOf = (rows) => {
    const head = "entry,at,kind,state,site,creator,creator_id,item,title,amount,currency,claim_id";
    const lines = rows.map((row) => {
      const { entry, at, kind, state, site, creator, item, amount, claim_id } = row;
      const cells = [entry, at, kind, state, site, creator?.name, creator?.id, item?.name, item?.title, amount, currency, claim_id];
      return cells.map(cell).join(",");
    });
    return [head, ...lines, ""].join("\r\n");
  };
  const jsonOf = (rows) => {
    const entries = rows.map(({ when, what, about, out, why, ...row }) => ({
      ...row,
      currency,
      receipt: receiptTexts.get(row.entry)?.text ?? null,
    }));
    const head = { provider: location.origin, currency, as_of: new Date(saidAt).toISOString(), complete: whole };
    return JSON.stringify({ ...head, entries }, null, 1) + "\n";
  };
  const acts = {
    again: () => {
      freshness = "asking";
      tellAge();
      past.refresh();
    },
    more: () => {
      drawn += 4 * ROWS;
      drawRows();
    },
    csv: () => saveAs(new Blob([csvOf(chosenRows(rowsOf()))], { type: "text/csv" }), dated("csv")),
    json: () => saveAs(new Blob([jsonOf(chosenRows(rowsOf()))], { type: "application/json" }), dated("json")),
  };
  for (const button of $("[data-past-do]")) button.onclick = () => acts[button.dataset.pastDo]();
  for (const field of $("[data-past-filter]")) {
    field.oninput = () => {
      drawn = ROWS;
      drawRows();
    };
  }
}
