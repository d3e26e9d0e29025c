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
const wanted = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const ancestor = location.ancestorOrigins?.[0];
language = wanted.lang || undefined;
root.dir = wanted.dir == "rtl" ? "rtl" : "ltr";
try {
  Intl.getCanonicalLocales(language);
} catch {
  language = undefined;
}

// The creator's page. Only the parent's first hello counts, and only from the origin that the
// browser names as the parent's.
let port;
const unsent = [];
const tell = (...message) => (port ? port.postMessage(message) : unsent.push(message));
const hello = new Promise((done) => {
  addEventListener("message", (event) => {
    const { data, origin, source } = event;
    if (source == parent && source != self && data?.farthing == 1 && !port) {
      if (ancestor && ancestor != origin) return;
      [port] = event.ports;
      unsent.splice(0).forEach((message) => port.postMessage(message));
      done({ origin, sealed: data.sealed });
    } else if (wallet && source == wallet && origin == location.origin) {
      send("window", data);
    }
  });
});

// Drawing.
let amountShown;
ops.show = (state, text, name, line, parts) => {
  const has = (part) => parts.includes(part);
  const focused = document.activeElement == button;
  root.dataset.state = state;
  button.textContent = words(text);
  button.ariaLabel = words(name);
  button.hidden = !has("b");
  button.disabled = has("d");
  button.ariaBusy = has("w");
  label.hidden = !has("i");
  link.hidden = !has("l");
  const said = words(line);
  // Writing the same words again would make a screen reader say them again.
  if (status.textContent != said) status.textContent = said;
  if (has("i") && amountShown == null) field.value = amountShown = wanted.amount || "1.00";
  // A disabled button loses the focus; whoever pays by keyboard keeps the place.
  if (focused && has("b") && !has("d")) button.focus();
  main.hidden = false;
  tell("ready");
};
ops.broken = () => ops.show("stuck", "", "", "This button has stopped working. ", "l");
ops.tell = (event, ...units) => {
  const fields = {};
  for (let i = 0; i < units.length; i += 2) fields[units[i]] = units[i + 1] || null;
  if (fields.entry) fields.entry = +fields.entry;
  tell("event", event, fields);
};
new ResizeObserver(() => tell("size", Math.ceil(main.getBoundingClientRect().height))).observe(
  main,
);

// Sealed content: decrypted here, so that the page gets the content and never the key.
ops.unseal = async (key) => {
  try {
    const bytes = (text) =>
      Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt());
    const sealed = bytes((await hello).sealed);
    const opener = await crypto.subtle.importKey("raw", bytes(key), "AES-GCM", false, ["decrypt"]);
    const plain = await crypto.subtle.decrypt(aes(sealed.slice(0, 12)), opener, sealed.slice(12));
    const nodes = JSON.parse(new TextDecoder().decode(plain));
    if (!Array.isArray(nodes)) throw nodes;
    tell("nodes", nodes);
  } catch {
    send("unopened");
  }
};

// The spending key of this creator on this site.
let slot;
keyOf = () => read("keys", slot);
ops.makeKey = async (insteadOf) => {
  try {
    send("key", { pk: (await makeKey(slot, insteadOf)).pk });
  } catch {
    send("key");
  }
};
ops.remember = (verifier) =>
  change("keys", slot, (old) => old && { ...old, verifier }).catch(() => {
    // Then the next visit asks as a stranger.
  });
ops.claim = (floor) => makeClaim(slot, wanted.item, floor);

// The wallet window, opened within the click.
let wallet;
ops.popup = (url) => {
  wallet = open(url, "_blank", "popup,width=440,height=680");
  if (!wallet) return setTimeout(() => send("window", { t: "unopened" }));
  const mine = wallet;
  const watch = setInterval(() => {
    if (mine.closed || wallet != mine) {
      clearInterval(watch);
      if (wallet == mine) send("window", { t: "closed" });
    }
  }, 300);
};
ops.send = (...units) => wallet?.postMessage(pairs(units), location.origin);
ops.close = () => {
  wallet?.close();
  wallet = undefined;
};
ops.focus = () => wallet?.focus();

// Other frames of this creator, here and in other tabs.
const others = new BroadcastChannel("farthing");
ops.spread = () => others.postMessage(slot);
others.onmessage = async ({ data }) => {
  if (data == slot) send("changed", await keyOf());
};

// The evidence of a click. Times are on the page's monotonic clock.
const now = () => performance.now();
let over = 0;
let down = 0;
let focusAt = 0;
let viewAt = 0;
let seen;
let lastClick = -1e9;
let last;
let zoom;
let stillAt = now();
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
      stillAt = now();
      moved = 0;
    } else {
      moved += onScreen;
    }
  } else {
    stillAt = now();
  }
  last = { screenX, screenY, clientX, clientY };
};
for (const type of ["pointerover", "pointermove", "pointerdown"]) addEventListener(type, watch);
button.addEventListener("pointerenter", () => (over = now()));
button.addEventListener("pointerdown", () => (down = now()));
button.addEventListener("focus", () => (focusAt = now()));
new IntersectionObserver(
  (entries) => {
    const entry = entries.at(-1);
    viewAt = entry.intersectionRatio >= 0.99 ? viewAt || now() : 0;
    seen = entry.isVisible;
  },
  { threshold: [0, 0.99], trackVisibility: true, delay: 100 },
).observe(button);

const press = (event) => {
  const at = now();
  const since = (time) => (time ? Math.round(at - time) : 0);
  send("click", {
    trusted: event.isTrusted,
    // A key press makes a click without a pointer, and so does a screen reader.
    by: event.detail ? event.pointerType || "mouse" : "",
    dwell: Math.max(0, Math.round(down - over)),
    focus: since(focusAt),
    still: since(stillAt),
    moved: Math.round(moved),
    view: since(viewAt),
    seen,
    last: since(lastClick),
  });
  lastClick = at;
};
button.addEventListener("click", press);
field.addEventListener("input", () => send("input", { amount: field.value }));
field.addEventListener("keydown", (event) => {
  if (event.key == "Enter" && event.isTrusted && !button.disabled) button.focus();
});

// Start: the module, the storage and the parent's name, all at once.
const start = async () => {
  const module = load(fetch("$WASM"));
  const origin = ancestor || (self == parent ? "" : (await hello).origin);
  slot = wanted.creator + " " + origin;
  link.href =
    "/i/" + [wanted.creator, wanted.item].filter(Boolean).map(encodeURIComponent).join("/");
  let stored = true;
  let record;
  let pending = [];
  try {
    await openStore("farthing");
    record = await keyOf();
    pending = await pendingOf(slot);
  } catch {
    stored = false;
  }
  await module;
  const { pk, verifier } = record || {};
  send("boot", { ...wanted, origin: origin == "null" ? "" : origin, stored, pk, verifier, pending });
};
start().catch((error) => {
  // WebAssembly is missing or blocked: the plain link still takes the payment.
  console.error("farthing:", error);
  ops.broken();
});
