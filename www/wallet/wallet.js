// The wallet page: draws what the machine says, holds the root key, talks to the frame that opened
// it. `cargo xtask wasm` joins it to core.js.
const RECORD = "\x1e";
const ops = {};

// One event for the machine; carries its effects out in order, within the same turn.
const send = (name, fields) => {
  let effects;
  try {
    put([name, ...flat(fields, "", [])].join(UNIT));
    effects = get(wasm.step(now()));
  } catch (trap) {
    console.error("farthing:", trap);
    return ops.broken();
  }
  if (effects) {
    for (const effect of effects.split(RECORD)) {
      const [op, ...units] = effect.split(UNIT);
      ops[op](...units);
    }
  }
};

// An object as names and values; beside each time stands its number of milliseconds.
const flat = (object, prefix, out) => {
  for (const name in object) {
    // What a page made up must not look like another field: a name cannot hold a separator.
    if (/[\0-\x1f]/.test(name)) continue;
    const value = object[name];
    if (value && typeof value == "object") {
      flat(value, prefix + name + ".", out);
      // An empty object or list is still there.
      out.push(prefix + name, "+");
    } else if (value != null) {
      out.push(prefix + name, String(value).replace(/[\0-\x1f]/g, ""));
      if (/(^|_)at$/.test(name)) out.push(prefix + name + "_ms", Date.parse(value));
    }
  }
  return out;
};

const pairs = (units) => {
  const fields = {};
  for (let i = 0; i < units.length; i += 2) fields[units[i]] = units[i + 1];
  return fields;
};

ops.fetch = async (tag, method, path, body, signer) => {
  let access;
  try {
    access = signer && (await signWith(await keyOf(signer), "read", method, path));
  } catch {
    return send("answer", { tag, status: 401 });
  }
  const answer = await ask(method, path, body, access);
  if (answer.status == 410 && /^(wallet|open)$/.test(tag)) {
    answer.status = await devices.ended(tag == "wallet" ? path.split("/")[3] : openingKey);
  }
  // Some outcomes of refunds are called like those of claims, and say something else.
  const outcome = (tag == "refund" && OUTCOMES["refund_" + answer.outcome]) || OUTCOMES[answer.outcome];
  const left = answer.left ? money(answer.left) : "";
  if (OUTCOMES && answer.message) answer.message = (outcome || "").replace("{left}", left);
  if (tag == "claim") lastAnswer = answer;
  // Settled: done, or understood and never to be done. Everything else leaves it to be sent again.
  if (tag == "refund" && /^(2..|4(?!08|25|29)..)$/.test(answer.status)) forget("refund");
  send("answer", { ...answer, tag });
};
ops.timer = (name, ms) => setTimeout(() => send("timer", { name }), ms);
// The claim that is being settled, and what was last said of it.
let tracked;
let lastAnswer = {};
ops.settle = async (id) => {
  if (tracked?.id == id) await past.settled(tracked, lastAnswer);
  await forget(id);
};
addEventListener("online", () => send("online"));

// Amounts stand between U+0001, times between U+0002, names and numbers between U+0003. What is left of a sentence
// without them is its English form, which the language's own is looked up by (www/words).
const WORDS = "$SENTENCES";
const OUTCOMES = "$OUTCOMES";
const WRITES = {
  "\x01": (amount) => money(amount),
  "\x02": (ms) => new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(+ms),
  "\x03": (text) => text,
};
const words = (text) => {
  const values = [];
  const sentence = text.replace(/([\x01-\x03])([^\x01-\x03]*)\1/g, (_, kind, value) => {
    values.push(WRITES[kind](value));
    return `{${values.length - 1}}`;
  });
  const known = Object.hasOwn(WORDS, sentence) ? WORDS[sentence] : sentence;
  return known.replace(/\{(\d)\}/g, (whole, place) => values[place] ?? whole);
};

const $ = (selector) => document.querySelectorAll(selector);

// Drawing: every place is found by its data attribute.
ops.view = (name) => {
  for (const section of $("section")) {
    const shown = section.dataset.view == name;
    const changed = shown && section.hidden;
    section.hidden = !shown;
    // Whoever listens instead of looking is told that the page is another one now.
    if (changed && name != "work" && name != "loading") {
      const heading = section.querySelector("h1");
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
    }
  }
  document.documentElement.dataset.state = name;
  if (name == "paid") {
    // Only a payment of this very visit is told by itself. That something is owned already, any page
    // could learn by a link: it waits for a click.
    if (lastClaim) leaveNotice();
    else if (noticeName && slot) ops.flag("tell", true);
  }
  leave(name);
  past.view(name);
  limits.view(name);
  permits.view(name);
  devices.view(name);
  passkeys.view(name);
  if (name == "home") remind();
};
ops.set = (name, text) => {
  const said = words(text);
  for (const place of $(`[data-text="${name}"],[data-label="${name}"],[data-preset="${name}"]`)) {
    if (place.textContent != said) place.textContent = said;
    // A preset remembers its amount without the formatting.
    if (place.dataset.preset) place.value = text.replace(/\x01/g, "");
  }
  for (const field of $(`[data-field="${name}"]`)) field.value = text;
  if (name == "provider") document.title = said;
  if (name == "currency") currency = text;
};
ops.flag = (name, on) => {
  for (const part of $(`[data-part="${name}"]`)) part.hidden = !on;
  for (const button of $(`[data-label="${name}"]`)) button.disabled = !on;
};
ops.rows = (list, append, ...units) => {
  const [into] = $(`[data-list="${list}"]`);
  const [template] = $(`[data-row="${list}"]`);
  if (!append) into.replaceChildren();
  while (units.length) {
    const cells = units.splice(0, +units.shift()).map(words);
    const row = template.content.cloneNode(true);
    const places = row.querySelectorAll("b,span,time,output");
    places.forEach((place, index) => (place.textContent = cells[index]));
    const button = row.querySelector("button");
    if (button) {
      // Behind the cells that are shown stands what the button does it to.
      button.value = cells[places.length];
      button.hidden = !button.value;
      // Which one is withdrawn has to be heard too.
      button.ariaLabel = `${button.textContent}: ${cells[0]}, ${cells[1]}`;
    }
    into.append(row);
  }
};
ops.broken = () => {
  ops.set("problem", "This page has stopped working. Nothing was charged by it since. Please reload it.");
  ops.view("problem");
  broken = true;
};
let broken = false;

// The root key. It never leaves this page, which no other page can frame.
const keyOf = (signer) => read("keys", signer == "spending" ? slot : "root");
ops.makeRoot = async () => {
  try {
    const [device] = crypto.getRandomValues(new Uint32Array(1));
    const { pk, device: mine } = await makeKey("root", { device });
    send("root", { root: pk, device: mine });
    // Asks that the browser does not clear the wallet when space is short; a no changes nothing.
    navigator.storage?.persist?.();
  } catch {
    send("root");
  }
};
let openingKey;
ops.signOpening = async () => {
  try {
    const root = await keyOf();
    openingKey = root.pk;
    send("opening", { opening: await signWith(root, "opening") });
  } catch {
    send("opening");
  }
};
ops.signRefund = async () => {
  try {
    const refund = await signWith(await keyOf(), "refund");
    // Stored before it is sent: an answer that is lost is asked for at the next visit, with the same bytes.
    await change("claims", "refund", () => ({ refund }));
    send("refund-signed", { refund });
  } catch {
    send("refund-signed");
  }
};
// Serials grow in one transaction, so that two windows never sign two allowances under one.
ops.allow = async (site, floor, origin, hash) => {
  try {
    const { serial } = await change("sites", site, (old) => ({
      hash,
      origin: origin || old?.origin || "",
      serial: Math.max(old?.serial || 0, +floor) + 1,
    }));
    send("allowance", { allowance: await signWith(await keyOf(), "allowance", serial) });
  } catch {
    send("allowance");
  }
};

// The proof of work, in slices of about 12 ms with the page in between.
const SLICE_MS = 12;
ops.work = () => {
  const [bar] = $("[data-progress]");
  let from = 0;
  let count = 64;
  const slice = () => {
    const at = performance.now();
    let solution;
    try {
      solution = wasm.work(from, count);
    } catch {
      return ops.broken();
    }
    from += count;
    // The chance to be done by now is what the bar can honestly show.
    bar.hidden = from < 20000;
    bar.value = 1 - Math.exp(-from / 2 ** wasm.bits());
    if (solution >= 0) {
      bar.hidden = true;
      return send("worked", { solution });
    }
    const took = performance.now() - at;
    count = Math.max(16, Math.min(count * 2, Math.round((count * SLICE_MS) / Math.max(took, 0.1))));
    setTimeout(slice);
  };
  setTimeout(slice);
};

// This page's own spending key, for links.
let slot = "";
let item = "";
ops.makeKey = async () => {
  try {
    send("key", { pk: (await makeKey(slot)).pk });
  } catch {
    send("key");
  }
};
// Stored before it is sent: a page that is closed in between settles it at its next visit.
ops.claim = async (floor) => {
  try {
    const [record, sequence] = await allot(slot, +floor);
    const [id, claim, expires, key] = (await signWith(record, "claim", sequence)).split(UNIT);
    const { pk: root } = await keyOf();
    const fields = { id, claim, expires, key, sequence, slot, item, root, ...past.aboutPayment() };
    lastClaim = tracked = fields;
    if (claim) await change("claims", id, () => fields);
    send("signed", fields);
  } catch {
    send("signed");
  }
};

// Word for a frame that cannot be spoken to: under the name that it made up, that this one thing is paid.
let noticeName = "";
let lastClaim;
const leaveNotice = async () => {
  if (!noticeName) return;
  const [creator] = slot.split(" ");
  const { id: claim_id, sequence } = lastClaim || {};
  const body = JSON.stringify({ name: noticeName, creator, ...(item ? { item } : { claim_id, sequence }) });
  const path = "/v1/notices";
  for (let tries = 1; tries < 6; tries++) {
    const access = await signWith(await keyOf("spending"), "read", "POST", path).catch(() => {});
    const { status } = access ? await ask("POST", path, body, access) : {};
    if (status == 204 || (status >= 400 && status < 429)) return;
    await new Promise((done) => setTimeout(done, 500 << tries));
  }
};

// The frame that opened this window. Only a document of our own origin is spoken to.
const frame = window.opener;
addEventListener("message", ({ data, origin, source }) => {
  if (frame && source == frame && origin == location.origin && data?.t == "ask") send("ask", data);
});
ops.send = (...units) => frame?.postMessage(pairs(units), location.origin);
ops.close = () => close();

// What the visitor does.
for (const type of ["pointermove", "pointerdown", "touchstart", "keydown"]) {
  addEventListener(type, (event) => {
    if (event.isTrusted && /^(consent|item)$/.test(document.documentElement.dataset.state)) send("moved");
  });
}
const fieldsOf = (place) => {
  const fields = {};
  for (const field of place.querySelectorAll("[data-field]")) fields[field.dataset.field] = field.value;
  return fields;
};
addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (!button || !event.isTrusted) return;
  const { do: act, preset } = button.dataset;
  if (preset) document.getElementById("cap").value = button.value;
  if (act == "retry" && broken) return location.reload();
  if (act == "tell") {
    ops.flag("tell", false);
    return leaveNotice();
  }
  if (limits[act]) return limits[act]();
  if (recovery[act]) return recovery[act]();
  if (devices[act]) return devices[act]();
  if (passkeys[act]) return passkeys[act]();
  if (act) send(act, { ...fieldsOf(button.closest("section,[data-past]")), key: button.value });
});
addEventListener("input", ({ target }) => {
  if (target.dataset.live) send(target.dataset.live, { [target.dataset.field]: target.value });
});
addEventListener("submit", (event) => {
  event.preventDefault();
  const { form } = event.target.dataset;
  if (limits[form]) return limits[form]();
  if (permits[form]) return permits[form](event.target);
  if (recovery[form]) return recovery[form](fieldsOf(event.target));
  send(form, fieldsOf(event.target));
});

// Start.
const start = async () => {
  // Amounts and dates as the page's language writes them, in the visitor's own spelling of it.
  const spoken = document.documentElement.lang;
  language = navigator.languages.find((wish) => wish.split("-")[0] == spoken) || spoken;
  const module = load(fetch("$WASM"));
  const [, first, second, ...rest] = location.pathname.split("/").map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  const fragment = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  const wanted =
    first == "i" ? { creator: second, item: rest.join("/") } : second == "allow" ? fragment : {};
  const place = first == "i" ? "item" : second == "allow" ? "allow" : "home";
  slot = wanted.creator + " " + location.origin;
  item = wanted.item || "";
  noticeName = fragment.name || "";
  let stored = true;
  let facts = {};
  try {
    await openStore("farthing-wallet");
    // A rotation that was under way when this page was closed: what became of it comes before everything else.
    if ((await devices.settle()) == 200) newWordsFirst();
    const root = await keyOf();
    const own = await keyOf("spending");
    facts = {
      root: root?.pk,
      device: root?.device,
      pk: own?.pk,
      sites: await all("sites"),
      pending: (await pendingOf(slot)).filter((claim) => claim.item == item),
      refund: place == "home" ? (await read("claims", "refund"))?.refund : "",
    };
    [tracked] = facts.pending;
    await past.begin(facts.root, place == "home");
  } catch {
    stored = false;
  }
  await module;
  for (const back of $("[data-back]")) {
    const from = document.referrer;
    back.hidden = !/^https?:/.test(from) || from.startsWith(location.origin);
    if (!back.hidden) back.href = from;
  }
  ops.flag("in-window", frame && place == "allow");
  const { creator } = wanted;
  // On the item page the payment is made here: the provider's own origin is the page's.
  send("boot", { place, creator, item, origin: location.origin, opener: !!frame, stored, ...facts });
};
start().catch((error) => {
  console.error("farthing:", error);
  ops.set(
    "problem",
    "Your browser does not run WebAssembly on this page, which makes and keeps the keys of your wallet.",
  );
  ops.view("problem");
});
