// Cutting off other devices: this browser makes a new root key, both keys sign that it takes the place of the old
// one, and the verifier ends all that the old one allowed. `cargo xtask wasm` joins it to wallet.js.
const devices = {};

const deviceSay = (text) => ($("[data-devices]")[0].textContent = words(text));
// Other pages of this browser hold the old key's name in memory.
const otherTabs = new BroadcastChannel("farthing-root");
otherTabs.onmessage = () => location.reload();

// Forgets this next key, unless another tab has signed or replaced it since it was read.
const dropNext = ({ pk, signed }) =>
  inStore("keys", "readwrite", (at) => {
    at.get("next").onsuccess = ({ target: { result: next } }) => {
      if (next?.pk == pk && next.signed == signed) at.delete("next");
    };
  });
// The next key becomes the root key in one transaction, whatever another tab did to the stored one meanwhile: the
// verifier said that it is in force. Another wallet's key is never written over. Words and passkeys of the old key
// count no more. Gives whether it is the root key now.
const takeNext = async ({ old, signed, ...next }) => {
  const taken = await inStore("keys", "readwrite", (at, keep) => {
    at.get("root").onsuccess = ({ target: { result: root } }) => {
      const isNew = !root || root.pk == old;
      if (!isNew && root.pk != next.pk) return;
      if (isNew) at.put(next, "root");
      at.get("next").onsuccess = ({ target: { result: stored } }) => {
        if (stored?.pk == next.pk) at.delete("next");
      };
      keep({ isNew });
    };
  });
  if (taken?.isNew) otherTabs.postMessage("rotated");
  return !!taken;
};

// Sends the rotation that is stored, if there is one: the same bytes give the first answer again, whatever became
// of that. Gives the status, 0 while nothing is known.
devices.settle = async () => {
  const next = await read("keys", "next");
  if (!next) return 404;
  // Closed before it was signed: nobody heard of it.
  if (!next.signed) return await dropNext(next), 404;
  const body = JSON.stringify({ rotation: next.signed });
  const { status, code, root } = await ask("POST", `/v1/wallets/${next.old}/rotations`, body);
  // A 200 that names no wallet is from something on the way.
  if (status == 200 && root) return (await takeNext(next)) ? 200 : 404;
  // A signed key may be the only one in force. It is dropped when the verifier itself refused it, and says to that
  // very key that it has no wallet; neither can be asked before the module knows the provider.
  if (!code || !/^4(?!08|25|29)..$/.test(status)) return 0;
  const path = "/v1/wallets/" + next.pk;
  const access = wasm && (await signWith(next, "read", "GET", path));
  const its = access ? await ask("GET", path, "", access) : {};
  if (its.status == 200 && its.root) return (await takeNext(next)) ? 200 : 404;
  if (its.status != 404 || its.code != "not_found") return 0;
  await dropNext(next);
  return status;
};

const signRotation = async () => {
  const root = await keyOf();
  const { credential, passkey, renew } = root;
  const next = await makeKey("next", { device: root.device, old: root.pk, credential, renew: !!passkey || renew });
  if (next.old != root.pk) throw new Error("another wallet's rotation is under way");
  const at = Math.round(now());
  const heard = await signWith(next, "rotation-next", root.pk, at);
  const signed = await signWith(root, "rotation", next.pk, at, heard);
  if (!signed) throw new Error("the rotation could not be signed");
  // Stored before it is sent: a page that is closed in between settles it at its next visit. Another tab may have
  // been faster: then its bytes are sent, since only one key can follow. Or it put another key there, which these
  // bytes are not about.
  await change("keys", "next", (old) => (old?.pk == next.pk ? { ...old, signed: old.signed || signed } : undefined));
};

devices.cutOff = () => {
  deviceSay("");
  ops.view("cut");
};

let isCutting = false;
devices.cutOffNow = async () => {
  if (isCutting) return;
  isCutting = true;
  deviceSay("");
  try {
    let status = await devices.settle();
    if (status && status != 200 && status != 410) {
      await signRotation();
      status = await devices.settle();
    }
    if (status == 200 || status == 410) {
      // With 410 another device was faster: this page then says that it is the one that was cut off.
      if (status == 200) newWordsFirst();
      otherTabs.postMessage("rotated");
      return location.reload();
    }
    deviceSay(
      status
        ? "The other devices could not be cut off. Nothing was changed; please reload this page."
        : "No answer from the payment service, so it is not certain that they are cut off. Please try again.",
    );
  } catch {
    deviceSay("The other devices could not be cut off. Nothing was changed; please reload this page.");
  } finally {
    isCutting = false;
  }
};

// The key that the verifier called ended, once that is certain.
let endedKey;
// An answer said that this key ended. If another was to follow it, that one's answer may be what was lost: what is
// certain is given as a status, and the page begins again with whatever key stands in its place.
devices.ended = async (pk) => {
  const status = await devices.settle().catch(() => 0);
  const root = await keyOf().catch(() => ({ pk }));
  if (root?.pk != pk) {
    if (status == 200) newWordsFirst();
    location.reload();
    return 0;
  }
  // The verifier does answer: it is not the connection.
  if (!status) return 503;
  endedKey = pk;
  return 410;
};

// The key of a browser that was cut off opens nothing ever again, so nothing is lost with it; any other key stays, and
// so does this one while a rotation of it is stored.
devices.startOver = async () => {
  await inStore("keys", "readwrite", (at) => {
    at.get("next").onsuccess = ({ target: { result: next } }) => {
      at.get("root").onsuccess = ({ target: { result: root } }) => {
        if (root?.pk == endedKey && next?.old != endedKey) at.delete("root");
      };
    };
  }).catch(() => {});
  otherTabs.postMessage("over");
  location.reload();
};

// After the others were cut off, the new words come first. Only the wallet's own page shows them.
const newWordsFirst = () => {
  if (/^\/wallet\/?$/.test(location.pathname)) location.hash = "new-words";
};
devices.view = (name) => {
  if (name != "recovery") ops.flag("words-new", false);
  if (name != "home" || location.hash != "#new-words") return;
  history.replaceState(null, "", location.pathname);
  ops.flag("words-new", true);
  recovery.recover();
};
