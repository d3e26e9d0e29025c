// Recovery words: writes the root key's seed on paper, and brings a wallet back with it. Words are
// counted from 1 for people, their places in the list from 0 for the module.
const recovery = {};
let phrase = [];
// The key that the phrase is of.
let written;
let asked = [];

let list;
const wordList = async () => {
  if (!list) {
    const response = await fetch("$WORDS");
    if (!response.ok) throw new Error("the list of words: " + response.status);
    list = (await response.text()).trim().split("\n");
  }
  return list;
};

// Who has money in a wallet that only this browser knows is told so, until the words were checked or a passkey
// keeps it.
const remind = async () => {
  const root = await keyOf().catch(() => {});
  ops.flag("unsafe", !!root && !root.checked && !root.passkey);
  ops.flag("safe", !!root?.checked);
};

// Safari's engine deletes what a site has stored once the browser was used for seven days without a visit to it. No
// feature tells that engine; its maker's name does, in every browser built on it.
ops.flag("forgets", navigator.vendor.startsWith("Apple"));

const offline = () => "The list of words could not be fetched. Please try again.";

recovery.recover = async () => {
  try {
    const words = await wordList();
    const { pk, iv, wrap, sealed } = await keyOf();
    const seed = new Uint8Array(await crypto.subtle.decrypt(aes(iv), wrap, sealed));
    seed.forEach((byte) => wasm.seed(byte));
    seed.fill(0);
    phrase = get(wasm.phrase()).trim().split(" ").map((place) => words[place]);
    written = pk;
  } catch {
    return ops.set("home-note", offline());
  }
  const [place] = $("[data-words]");
  place.replaceChildren(
    ...phrase.map((word) => {
      const item = document.createElement("li");
      item.textContent = word;
      return item;
    }),
  );
  ops.view("recovery");
};

// Nothing secret stays in a part of the page that is not shown.
const hide = () => {
  phrase = [];
  $("[data-words]")[0].replaceChildren();
};
const leave = (view) => {
  if (view != "recovery") hide();
  if (view != "recheck") for (const name of ["first", "second"]) ops.set(name, "");
  if (view != "restore") ops.set("phrase", "");
};

recovery.later = () => {
  hide();
  ops.view("home");
};

// Two words, so that a slip of paper with the wrong order or a missing line is noticed today.
recovery.written = () => {
  const [a, b] = crypto.getRandomValues(new Uint8Array(2));
  const first = a % 12;
  const second = 12 + (b % 12);
  asked = [first, second].map((at) => phrase[at]);
  hide();
  ops.set("word-a", `Word \x03${first + 1}\x03`);
  ops.set("word-b", `Word \x03${second + 1}\x03`);
  ops.set("first", "");
  ops.set("second", "");
  ops.set("recheck-problem", "");
  ops.view("recheck");
};

const plain = (text) => text.normalize("NFKD").trim().toLowerCase();

recovery.rechecked = async ({ first, second }) => {
  if (plain(first) != asked[0] || plain(second) != asked[1]) {
    return ops.set("recheck-problem", "That is not what stood there. Please look again.");
  }
  asked = [];
  await rootIs(written, { checked: Date.now() }).catch(() => {});
  ops.view("home");
};

recovery.restore = () => {
  ops.set("restore-problem", "");
  ops.set("phrase", "");
  ops.view("restore");
};
recovery.unrestore = () => {
  ops.set("phrase", "");
  ops.view("empty");
};

const RESTORED = {
  410: "Another device gave this wallet a new key since, so these words no longer work. The newer ones do.",
  404: "These words are right, but no wallet was opened with them here. Was it another provider?",
  0: "No connection to the payment service. Nothing was changed; please try again.",
};

// The seed of what was typed, or a sentence that says what is wrong with it.
const seedOfWords = async (text) => {
  const typed = plain(text).split(/[\s,.;\d]+/u).filter(Boolean);
  if (typed.length != 24) return `There are 24 words; these are \x03${typed.length}\x03.`;
  const words = await wordList();
  // Four letters tell the words apart, so more need not be written.
  const places = typed.map((word) =>
    words.findIndex((known) => known == word || (word.length >= 4 && known.startsWith(word))),
  );
  const wrong = places.indexOf(-1);
  if (wrong >= 0) return `Word \x03${wrong + 1}\x03, “\x03${typed[wrong].replace(/[\0-\x1f]/g, "")}\x03”, is not one of the recovery words.`;
  put(places.join(" ") + " ");
  const seed = get(wasm.unphrase());
  if (!seed) return "These words do not belong together: one is wrong or in the wrong place.";
  return toBytes(seed);
};
const toBytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (byte) => byte.charCodeAt());

// Takes a seed as this browser's root key, or says why not. Nothing is stored before the verifier has said that
// there is such a wallet.
const adopt = async (seed, facts) => {
  const pk = sign(seed.slice());
  const path = "/v1/wallets/" + pk;
  const access = sign(seed.slice(), "read", "GET", path);
  const { status } = await ask("GET", path, "", access);
  if (status != 200) return RESTORED[status] || RESTORED[0];
  const [device] = crypto.getRandomValues(new Uint32Array(1));
  const stored = await makeKey("root", { device, ...facts }, seed);
  if (stored.pk != pk) {
    return "Another tab has just opened a wallet in this browser. Reload this page to see it.";
  }
  send("root", { root: pk, device: stored.device });
  navigator.storage?.persist?.();
};

let restoring = false;
recovery.restored = async (fields) => {
  if (restoring) return;
  restoring = true;
  ops.set("restore-problem", "");
  let seed;
  try {
    seed = await seedOfWords(fields.phrase);
    if (typeof seed == "string") return ops.set("restore-problem", seed);
    const problem = await adopt(seed, { checked: Date.now() });
    if (problem) return ops.set("restore-problem", problem);
    ops.set("phrase", "");
  } catch {
    ops.set("restore-problem", offline());
  } finally {
    if (typeof seed == "object") seed.fill(0);
    restoring = false;
  }
};
