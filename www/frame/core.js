// What frame and wallet page share: the module, storage, keys, requests. Nothing here decides
// anything about money or words.
const UNIT = "\x1f";
const now = () => Date.now() + skew;
// The verifier's clock minus ours, as its answers tell.
let skew = 0;

// The module. Text goes in by characters and comes out by bytes (widget/src/browser says why).
let wasm;
const load = async (source) => {
  wasm = (await WebAssembly.instantiateStreaming(source)).instance.exports;
};
const put = (text) => {
  for (const character of text) wasm.put(character.codePointAt());
};
const get = (length) =>
  new TextDecoder().decode(new Uint8Array(length).map((_, at) => wasm.get(at)));
// Signs with this seed and wipes it.
const sign = (seed, ...units) => {
  put(units.join(UNIT));
  seed.forEach((byte) => wasm.seed(byte));
  seed.fill(0);
  return get(wasm.sign(now()));
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

const makeKey = async (id, extra, seed = crypto.getRandomValues(new Uint8Array(32))) => {
  const wrap = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const sealed = await crypto.subtle.encrypt(aes(iv), wrap, seed);
  const pk = sign(seed);
  // Another tab may have been faster: its key is taken, so that both sign with the same one.
  return change("keys", id, (old) => (old?.pk ? old : { ...old, pk, wrap, iv, sealed, next: 1, ...extra }));
};

const signWith = async ({ iv, wrap, sealed }, ...units) =>
  sign(new Uint8Array(await crypto.subtle.decrypt(aes(iv), wrap, sealed)), ...units);

// Allots the next number above the floor: in one transaction, so that it is never given twice. A
// crash after it skips a number, which is harmless.
const allot = async (id, floor) => {
  const record = await change(
    "keys",
    id,
    (old) => old?.pk && { ...old, next: Math.max(old.next, floor + 1) + 1 },
  );
  return [record, record.next - 1];
};

const pendingOf = async (id) => (await all("claims")).filter((claim) => claim.slot == id);

const forget = (id) =>
  inStore("claims", "readwrite", (at) => at.delete(id)).catch(() => {
    // It stays, and is settled again at the next visit.
  });

// One request. Gives the answer's fields with status (0 when no answer came: whether it was done
// is then not known) and retry_after.
const TIMEOUT_MS = 10_000;
const ask = async (method, path, body, access) => {
  try {
    const response = await fetch(path, {
      method,
      headers: {
        ...(body && { "Content-Type": "application/json" }),
        ...(access && { Authorization: access }),
      },
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
    // The header counts whole seconds: their middle is the best guess.
    const theirs = Date.parse(header("Date")) + 500;
    if (theirs) skew = theirs - Date.now();
    let json;
    try {
      json = JSON.parse(text);
    } catch {
      // Not from our verifier: the status alone speaks, and a 200 without content is no answer.
    }
    return { ...json, status: response.status, retry_after: header("Retry-After") };
  } catch {
    return { status: 0 };
  }
};

let currency = "EUR";
let language;
const money = (decimal) =>
  new Intl.NumberFormat(language, { style: "currency", currency, maximumFractionDigits: 6 }).format(
    decimal,
  );
