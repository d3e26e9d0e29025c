// What frame and wallet page share: they carry out the effects of the machine (Rust, as Wasm) and
// report what happened. Nothing here decides anything about money or words.
const UNIT = "\x1f";
const RECORD = "\x1e";
const ops = {};

// The module. Text goes in by characters and comes out by bytes (widget/src/browser says why).
let wasm;
const load = async (source) => {
  // The one import fills a table of objects; none ever cross here, so it stays empty.
  const imports = { "./glue_bg.js": { __wbindgen_init_externref_table() {} } };
  wasm = (await WebAssembly.instantiateStreaming(source, imports)).instance.exports;
};
const run = (units, seed = []) => {
  for (const character of units.join(UNIT)) wasm.put(character.codePointAt());
  for (const byte of seed) wasm.seed(byte);
  const bytes = new Uint8Array(wasm.run(Date.now()));
  return new TextDecoder().decode(bytes.map((_, at) => wasm.get(at)));
};

// One event for the machine; carries its effects out in order, within the same turn.
const send = (name, fields) => {
  let effects;
  try {
    effects = run([name, ...flat(fields, "", [])]);
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

// Storage. Each change is one transaction, so that two tabs never take the same number.
let database;
const openStore = (name) =>
  new Promise((done, fail) => {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      for (const store of ["keys", "claims", "sites"]) request.result.createObjectStore(store);
    };
    request.onsuccess = () => done((database = request.result));
    request.onerror = request.onblocked = fail;
  });

const inStore = (store, mode, act) =>
  new Promise((done, fail) => {
    const transaction = database.transaction(store, mode, { durability: "strict" });
    let result;
    act(transaction.objectStore(store), (value) => (result = value));
    transaction.oncomplete = () => done(result);
    transaction.onerror = transaction.onabort = fail;
  });

const read = (store, key) =>
  inStore(store, "readonly", (at, keep) => {
    at.get(key).onsuccess = (event) => keep(event.target.result);
  });

const all = (store) =>
  inStore(store, "readonly", (at, keep) => {
    at.getAll().onsuccess = (event) => keep(event.target.result);
  });

const change = (store, key, next) =>
  inStore(store, "readwrite", (at, keep) => {
    at.get(key).onsuccess = (event) => {
      const value = next(event.target.result);
      keep(value);
      if (value) at.put(value, key);
    };
  });

// Keys. The seed lies in storage under a key that the browser does not give out; it is in memory
// for the moment of one signature.
const aes = (iv) => ({ name: "AES-GCM", iv });

const makeKey = async (id, insteadOf, extra) => {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const pk = run(["public"], seed);
  const wrap = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt(aes(iv), wrap, seed);
  seed.fill(0);
  // Another tab may have been faster: its key is taken, so that both sign with the same one.
  return change("keys", id, (old) =>
    old && old.pk != insteadOf
      ? old
      : { pk, wrap, iv, sealed, next: 1, verifier: old?.verifier, ...extra },
  );
};

const sign = async (record, ...units) => {
  const plain = await crypto.subtle.decrypt(aes(record.iv), record.wrap, record.sealed);
  const seed = new Uint8Array(plain);
  try {
    return run(units, seed);
  } finally {
    seed.fill(0);
  }
};

// Allots the next number, signs, stores: all before anything is sent. A crash in between skips a
// number, which is harmless; a number is never given twice.
const makeClaim = async (id, item, floor) => {
  try {
    const record = await change(
      "keys",
      id,
      (old) => old && { ...old, next: Math.max(old.next, +floor + 1) + 1 },
    );
    const sequence = record.next - 1;
    const [claimId, claim, expires, key] = (await sign(record, "claim", sequence)).split(UNIT);
    const fields = { id: claimId, claim, expires, key, sequence, slot: id, item };
    if (claim) await change("claims", claimId, () => fields);
    send("signed", fields);
  } catch {
    send("signed");
  }
};

const pendingOf = async (id) => (await all("claims")).filter((claim) => claim.slot == id);

// The key that signs a request, by the signer's name: set by each document.
let keyOf;
const TIMEOUT_MS = 10_000;

ops.fetch = async (tag, method, path, body, signer) => {
  const headers = {};
  let answer = { status: 0 };
  try {
    if (signer) {
      try {
        headers.Authorization = await sign(await keyOf(signer), "read", method, path);
      } catch {
        return send("answer", { tag, status: 401 });
      }
    }
    if (body) headers["Content-Type"] = "application/json";
    const response = await fetch(path, {
      method,
      headers,
      body: body || undefined,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      // A claim that was sent off arrives even if the page is left.
      keepalive: method == "POST",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    const header = (name) => response.headers.get(name);
    let json;
    try {
      json = JSON.parse(text);
    } catch {
      // Not from our verifier: the status alone speaks, and a 200 without content is no answer.
    }
    if (json?.currency) currency = json.currency;
    answer = {
      status: response.status,
      retry_after: header("Retry-After"),
      // The header counts whole seconds: their middle is the best guess.
      server_ms: Date.parse(header("Date")) + 500 || undefined,
      json,
    };
  } catch {
    // No answer: whether it was done is not known, and the machine treats it so.
  }
  const { json, ...ours } = answer;
  // Ours replace what the body may have under the same names.
  send("answer", { ...json, tag, ...ours });
};

ops.timer = (name, ms) => setTimeout(() => send("timer", { name }), ms * (0.9 + Math.random() / 5));

ops.settle = (id) =>
  inStore("claims", "readwrite", (at) => at.delete(id)).catch(() => {
    // It stays, and is settled again at the next visit.
  });

// Amounts stand between U+0001, times between U+0002, millionths between U+0003.
let currency = "EUR";
let language;
const words = (text) =>
  text
    .replace(/\x01([^\x01]*)\x01/g, (_, amount) =>
      new Intl.NumberFormat(language, {
        style: "currency",
        currency,
        maximumFractionDigits: 6,
      }).format(amount),
    )
    .replace(/\x03([^\x03]*)\x03/g, (_, millionths) =>
      new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 4 }).format(
        millionths / 1e6,
      ),
    )
    .replace(/\x02([^\x02]*)\x02/g, (_, ms) =>
      new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(+ms),
    );

addEventListener("online", () => send("online"));
