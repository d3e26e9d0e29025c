// The frame's page: draws, watches the pointer, talks to the creator's page and the wallet window.
// `cargo xtask wasm` joins it to core.js: one file, one request.

const root = document.documentElement;
const find = (name) => document.querySelector(name);
const main = find("main");
const button = find("button");
const field = find("input");
const label = find("label");
const status = find("p");
const link = find("a");

const sheet = new CSSStyleSheet();
sheet.replaceSync("$CSS");
document.adoptedStyleSheets = [sheet];

// The fragment selects what is for sale; it can set neither price nor payee.
const fragment = new URLSearchParams(location.hash.slice(1));
// Only these, by their own names: a page can write anything into the fragment.
const wanted = {};
for (const name of ["mode", "creator", "item", "amount", "offer", "title", "dir"]) {
  const value = fragment.get(name);
  if (value) wanted[name] = value;
}
const ancestor = location.ancestorOrigins?.[0];
language = new URLSearchParams(location.search).get("lang");
// Words that run from right to left say so themselves; others go along with the page around them.
root.dir ||= wanted.dir || "";
try {
  money(0);
} catch {
  // None, or one that no browser can read: amounts are written as the browser writes them.
  language = undefined;
}

// The creator's page. Only the parent's first hello counts, and only from the origin that the
// browser names as the parent's.
let port;
let greeted;
const unsent = [];
const tell = (...message) => (port ? port.postMessage(message) : unsent.push(message));
const hello = new Promise((done) => {
  addEventListener("message", async (event) => {
    const { data, origin, source, ports } = event;
    if (source == parent && source != self && data?.farthing == 1 && !greeted) {
      if (ancestor && ancestor != origin) return;
      greeted = 1;
      try {
        // Only a page that has a theme makes its visitors fetch what wears it. They see nothing before it is worn.
        if (data.theme.join("")) (await $import("$THEME")).wear(data.theme);
      } catch {
        // Then the button looks as it does everywhere.
      }
      [port] = ports;
      unsent.map((message) => port.postMessage(message));
      done({ origin, sealed: data.sealed });
    } else if (wallet && source == wallet && origin == location.origin && data) {
      hear(data);
    }
  });
});

// Drawing: the machine says where it is and which sentence to say.
const PHASES =
  "loading,stuck,ready,confirm,window,paying,paying,asking,paying,paid,closed".split(",");
const donates = wanted.mode == "donate";
// What one claim may move, in micros: CLAIM_MICROS_MAX of shared/src/limits.rs.
const MOST = 1e9;
let quote;
let amount = "";
let refusal;
let given;
const payee = () => {
  if (!quote) return "";
  const { creator, fee_ppm, demo } = quote;
  let text = say("$to", creator.name);
  if (fee_ppm) {
    const share = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 4 });
    text = say("$fee", text, share.format(fee_ppm / 1e6));
  }
  return demo ? say("$demo", text) : text;
};
// The amount that a click would pay, as a decimal. A comma is the decimal point of half the world;
// the button shows how it was read.
const asked = () => quote?.price || (quote ? field.value.trim().replace(",", ".") : "");
const micros = (decimal) => {
  put(decimal || "");
  return wasm.micros();
};
const draw = () => {
  const state = PHASES[wasm.phase()];
  const note = wasm.note();
  const [sentence, after] = NOTES[note];
  given ||= note == THANKS;
  const good = micros(asked()) > 0 && micros(asked()) <= MOST;
  const sum = good ? money(asked()) : "";
  const said =
    say((note == REFUSED && refusal) || sentence, amount && money(amount)) +
    (after == CHARGED ? " " + payee() : after == UNCHARGED ? " " + "$uncharged" : "");
  const pay = say(donates ? (given ? "$again" : "$give") : "$pay", sum);
  const views = {
    loading: ["$loading", said, "dw"],
    stuck: ["$retry", said, ""],
    ready: good
      ? [pay, said || payee(), "i"]
      : [pay, say("$sum", money("0.50"), money("1000")), "di"],
    confirm: [say("$confirm", sum), "$confirmWhy", "i"],
    window: ["$windowLabel", "$window", ""],
    paying: [pay, said || "$paying", "dw"],
    asking: [pay, "$asking", "dw"],
    paid: ["", said, "n"],
    // A claim that is refused for good leaves the button: whoever measures the frame from outside sees no other refusal.
    closed: [pay, said, note == REFUSED ? "di" : after == LINK ? "nl" : "n"],
  };
  // How long a sentence is tells which one it is: all that say that nothing was charged get the same room.
  status.style.height = after == UNCHARGED ? "80px" : "";
  show(state, ...views[state]);
};
const show = (state, text, line, parts) => {
  const has = (part) => parts.includes(part);
  const focused = document.activeElement == button;
  // A price that changes under the pointer is a new question: the next click is one too soon.
  if (quote && !donates && state == "ready" && root.dataset.state == state && button.textContent != text) {
    lastClick = tick();
  }
  root.dataset.state = state;
  button.textContent = text;
  button.ariaLabel = /ready|confirm/.test(state) ? text + " " + payee() : text;
  button.hidden = has("n");
  button.disabled = has("d");
  button.ariaBusy = has("w");
  label.hidden = !donates || !has("i");
  link.hidden = !has("l");
  // Writing the same words again would make a screen reader say them again.
  if (status.textContent != line) status.textContent = line;
  // A disabled button loses the focus, and takes none; whoever pays by keyboard keeps the place.
  if (focused) button.focus();
  // Once: how often it draws is the frame's own affair too.
  main.hidden && tell("ready");
  main.hidden = false;
};
const broken = (error) => {
  console.error(error);
  show("closed", "", "$broken", "nl");
};
field.value = wanted.amount || "1.00";
const report = (event, detail) => tell("event", event, { item: wanted.item || null, ...detail });
new ResizeObserver(() => tell("size", main.offsetHeight)).observe(main);


// Effects, in the order of their bits (widget/src/frame.rs). Each event is one call; what has to
// answer a click within the click (a window) does, since nothing here waits.
const event = (name, ...facts) => {
  try {
    const flags = wasm[name](...facts);
    EFFECTS.forEach((effect, bit) => flags & (1 << bit) && effect());
  } catch (error) {
    broken(error);
  }
};

// The spending key of this creator on this site, and the claim on its way.
let slot;
let record;
let claim;
let paid = {};
let pending = [];
let chosen = "";
let automatic;
const makeSpending = async () => {
  try {
    record = await makeKey(slot);
    remember();
    event("made", 1);
  } catch {
    event("made", 0);
  }
};
const known = () => +!!record?.verifier;
const limits = (given) => {
  if (given && given.key == record?.pk) {
    wasm.spending(
      micros(given.cap),
      micros(given.spent),
      micros(given.per_claim_max),
      given.revoked ? 0 : given.expires_at_ms || Date.parse(given.expires_at),
      micros(given.balance),
      +given.last_sequence,
    );
  }
};
const askQuote = async () => {
  const query = new URLSearchParams({ creator: wanted.creator });
  for (const name of ["item", "origin", "offer", "title"]) {
    if (wanted[name]) query.set(name, wanted[name]);
  }
  const path = "/v1/quote?" + query;
  let access;
  try {
    if (known()) access = await signWith(record, record.verifier, "GET", path);
  } catch {
    // The key does not open any more: ask as a stranger.
    record = undefined;
  }
  const answer = await ask("GET", path, "", access);
  const { status, retry_after, creator, item, price, owned } = answer;
  const whole = !!creator?.id && !!answer.currency && !item == !price && !item == donates;
  if (status == 200 && whole) {
    quote = answer;
    ({ currency } = answer);
    if (owned) {
      paid = { ...owned, claim_id: null };
      ({ amount } = owned);
    }
    limits(answer.allowance);
  }
  if (status == 401 && record) record.verifier = undefined;
  event(
    "quoted",
    status,
    +retry_after || 0,
    price ? micros(price) : -1,
    whole | (!!owned << 1),
    now(),
  );
  return answer.automatic && (await $import("$AUTOMATIC")).automatic(press, askQuote);
};
const signClaim = async () => {
  claim = undefined;
  try {
    const [fresh, sequence] = await allot(slot, wasm.floor());
    const text = await signWith(
      fresh,
      "claim",
      sequence,
      quote.creator.id,
      wanted.item || "",
      wanted.origin,
      chosen,
      currency,
      fresh.verifier,
    );
    const [id, bytes, expires, key] = text.split(UNIT);
    // Another tab may have taken a new key, to which nothing was allowed here.
    if (bytes && key == record.pk) {
      claim = { id, bytes, expires: +expires, key, sequence, slot, item: wanted.item || "", chosen, automatic };
      await change("claims", id, () => claim);
    }
    record = fresh;
  } catch {
    claim = undefined;
  }
  event("signed", claim?.expires || 0, now());
};
const answerFor = async (request) => {
  const mine = claim;
  const answer = await request;
  let { status, retry_after, code, outcome, final, charged, claim_id, refunded, message, amount: sum } = answer;
  try {
    // The words for what was given back since its answer got lost. Without them it is asked about again, and by a new name each
    // time: Firefox keeps a module's failed fetch under its name. What is behind a # is no part of what is fetched, or kept.
    if (refunded) {
      ({ currency } = answer);
      (await $import("$AFTER#" + now())).refunded(money(sum));
    }
  } catch {
    status = 0;
  }
  if (mine != claim) return;
  refusal = message;
  paid = answer;
  if (sum) amount = sum;
  event(
    "answered",
    status,
    +retry_after || 0,
    +code || 0,
    // What was given back since its answer got lost is put as never seen: it is not paid.
    (outcome == "not_seen") | (final * 2) | (charged * 4) | (charged === false && claim_id ? 8 : 0) | (refunded * 3),
    now(),
  );
};
// Sealed content is decrypted here, so that the page gets the content and never the key. What does not open is
// given back: nothing at all, where the page has not set it yet.
const unseal = async () => {
  if (wanted.mode != "gate" || !paid.content_key) return;
  const { sealed: text } = await hello;
  try {
    const bytes = (text) =>
      Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt());
    const sealed = bytes(text);
    const opener = await crypto.subtle.importKey("raw", bytes(paid.content_key), "AES-GCM", false, [
      "decrypt",
    ]);
    const plain = await crypto.subtle.decrypt(aes(sealed.slice(0, 12)), opener, sealed.slice(12));
    const nodes = JSON.parse(new TextDecoder().decode(plain));
    if (!Array.isArray(nodes)) throw nodes;
    tell("nodes", nodes);
  } catch {
    event("unopened");
    return text;
  }
};
let unopened;

// Word from a wallet page that cannot speak to us (its opener was cut off, or a link led there): it
// leaves a notice under a name that only it and this frame know, and the frame asks for it (after.js). No key
// ever goes that way.
let name;
let listening;
const rename = () => {
  listening = 0;
  name = crypto.randomUUID();
  const path = [wanted.creator, wanted.item].filter(Boolean).map(encodeURIComponent).join("/");
  link.href = "/i/" + path + "#name=" + name;
};
rename();
const listen = async () => {
  if (listening) return;
  listening = 1;
  const answer = await (await $import("$AFTER")).notice(ask, name);
  if (answer) {
    paid = answer;
    ({ amount } = answer);
    event("told");
  }
  rename();
};
link.onclick = listen;

// The wallet window.
let wallet;
const openWindow = () => {
  const query = new URLSearchParams({ creator: wanted.creator, item: wanted.item || "", name });
  // The fragment only serves a window that lost its opener: it can take the payment itself.
  const mine = open("/wallet/allow#" + query, "_blank", "popup,width=440,height=680");
  wallet = mine;
  if (!mine) {
    listen();
    return setTimeout(() => event("heard", 4, known(), now()));
  }
  const watch = setInterval(() => {
    if (!mine.closed && wallet == mine) return;
    clearInterval(watch);
    if (wallet == mine) event("heard", 3, known(), now());
  }, 300);
};
// The window names the verifier that it speaks for; from then on the key can sign reads.
let verifier;
const remember = () => {
  if (!verifier || !record || known()) return;
  record.verifier = verifier;
  change("keys", slot, (old) => old?.pk && { ...old, verifier }).catch(() => {
    // Then the next visit asks as a stranger.
  });
};
const hear = (said) => {
  ({ verifier } = said);
  remember();
  if (said.t == "allowed") limits(said);
  const number = ["ready", "allowed", "declined"].indexOf(said.t);
  if (number >= 0) event("heard", number, known(), now());
};

// Other frames of this creator, here and in other tabs.
let others;
const recall = async () => {
  record = await read("keys", slot);
  if (!record?.pk) record = undefined;
};

const tellPaid = () => {
  const { claim_id, entry = null, amount, charged } = paid;
  // By the claim's own mark, which a reload keeps.
  const automatic = charged && claim?.automatic;
  // Of a claim that found the item owned there is no receipt.
  report("paid", { claim_id: charged ? claim_id : null, entry, amount });
  // The way back, which nobody waits for, and which needs the page to be there.
  // (The build puts `import` there: the bundler would wrap it in its own.)
  hello.then(async () =>
    (await $import("$AFTER")).after(port, record, wanted, ask, signWith, now, await unopened, automatic),
  );
};
const EFFECTS = [
  () => claim && forget(claim.id),
  () => draw(),
  tellPaid,
  () => automatic || report("declined"), // And not why, nor whether the verifier was asked: that tells of the wallet.
  () => report("error", { message: status.textContent }),
  () => others?.postMessage(slot),
  () => (unopened = unseal()),
  () => {
    wallet?.close();
    wallet = undefined;
  },
  () => {
    const dead = record?.pk;
    record = undefined;
    change("keys", slot, (old) => (old?.pk == dead ? {} : old)).catch(() => {
      // It is refused again then, and forgotten then.
    });
  },
  openWindow,
  makeSpending,
  () => {
    const force = wasm.forces() ? "true" : "";
    const question = { ...wanted, t: "ask", key: record.pk, amount: chosen, force };
    wallet?.postMessage(question, location.origin);
  },
  () => wallet?.focus(),
  () => {
    claim = pending.pop();
    event("found", claim?.expires || 0, now());
  },
  askQuote,
  signClaim,
  () => answerFor(ask("POST", "/v1/claims" + location.search, JSON.stringify({ claim: claim.bytes, automatic: claim.automatic }))),
  () => {
    const { id, key, sequence } = claim;
    answerFor(ask("GET", `/v1/claims/${id}?key=${key}&sequence=${sequence}`));
  },
  () => setTimeout(() => event("resume", now()), wasm.pause()),
];
ononline = () => event("resume", now());

// The evidence of a click. Times are on the page's monotonic clock.
const tick = () => performance.now();
let over = 0;
let down = 0;
let focusAt = 0;
let viewAt = 0;
let seen;
let lastClick = -1e9;
let last;
let zoom;
let stillAt = tick();
let moved = 0;

// Where the frame stands on the screen is what a pointer event says of it: screen minus client
// coordinates, the latter scaled by the page's zoom, which the first long move shows.
const watch = (event) => {
  if (!event.isTrusted) return;
  const { screenX, screenY, clientX, clientY } = event;
  if (last) {
    const onScreen = Math.hypot(screenX - last.screenX, screenY - last.screenY);
    const inFrame = Math.hypot(clientX - last.clientX, clientY - last.clientY);
    if (!zoom && inFrame >= 8 && onScreen > inFrame / 5 && onScreen < inFrame * 5) {
      zoom = onScreen / inFrame;
    }
    const drift = (a, b) => Math.abs(a - (zoom || 1) * b) > 2;
    if (
      drift(screenX - last.screenX, clientX - last.clientX) ||
      drift(screenY - last.screenY, clientY - last.clientY)
    ) {
      stillAt = tick();
      moved = 0;
    } else {
      moved += onScreen;
    }
  } else {
    stillAt = tick();
  }
  last = { screenX, screenY, clientX, clientY };
};
for (const type of ["pointerover", "pointermove", "pointerdown"]) addEventListener(type, watch);
button.onpointerenter = () => (over = tick());
button.onpointerdown = () => (down = tick());
button.onfocus = () => (focusAt = tick());
new IntersectionObserver(
  (entries) => {
    const entry = entries.at(-1);
    viewAt = entry.intersectionRatio >= 0.99 ? viewAt || tick() : 0;
    seen = entry.isVisible;
  },
  { threshold: [0, 0.99], trackVisibility: true, delay: 100 },
).observe(button);

// A click, or a payment without one (automatic.js), with what speaks for it.
const press = (way, ...evidence) => {
  automatic = way;
  chosen = asked();
  event("click", ...evidence, micros(chosen), now());
};
button.onclick = ({ isTrusted, detail, pointerType }) => {
  const at = tick();
  const since = (time) => (time ? at - time : 0);
  press(
    false,
    +isTrusted,
    // A key press makes a click without a pointer, and so does a screen reader.
    !detail ? 2 : +/touch|pen/.test(pointerType),
    Math.max(0, down - over),
    since(focusAt),
    since(stillAt),
    moved,
    since(viewAt),
    seen == null ? 2 : +seen,
    since(lastClick),
  );
  lastClick = at;
};
field.oninput = () => event("typed");
field.onkeydown = ({ key, isTrusted }) => {
  if (key == "Enter" && isTrusted) button.focus();
};

// Start: the module, the storage and the parent's name, all at once.
const start = async () => {
  const module = load(fetch("$WASM"));
  wanted.origin = ancestor || (self == parent ? "" : (await hello).origin);
  if (wanted.origin == "null") wanted.origin = "";
  slot = wanted.creator + " " + wanted.origin;
  let stored = 1;
  try {
    await openStore("farthing");
    await recall();
    // Where nothing may be stored, no channel opens either.
    others = new BroadcastChannel("farthing");
    others.onmessage = async ({ data }) => {
      if (data != slot) return;
      await recall();
      event("changed", +!!record, known());
    };
    // What other frames are paying for is theirs, unless it is so old that they are gone.
    pending = (await pendingOf(slot)).filter(
      ({ item, expires }) => item == (wanted.item || "") || expires < Date.now(),
    );
  } catch {
    stored = 0;
  }
  await module;
  const named = donates || !!wanted.item;
  event(
    "boot",
    stored | (named << 1) | (donates << 2) | (!!wanted.origin << 3) | (!!record << 4) | (known() << 5),
  );
};
// WebAssembly is missing or blocked: the plain link still takes the payment.
start().catch(broken);
