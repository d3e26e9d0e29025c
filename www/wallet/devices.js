// Cutting off other devices: this browser makes a new root key, both keys sign that it takes the place of the old
// one, and the verifier ends all that the old one allowed. `cargo xtask wasm` joins it to wallet.js.
const devices = {};

const deviceSay = (text) => ($("[data-devices]")[0].textContent = words(text));
// Other pages of this browser hold the old key's name in memory.
const otherTabs = new BroadcastChannel("farthing-root");
otherTabs.onmessage = () => location.reload();

const dropNext = () => inStore("keys", "readwrite", (at) => at.delete("next"));
// The next key becomes the root key in one transaction; words and passkeys of the old one count no more.
const takeNext = (pk) =>
  inStore("keys", "readwrite", (at) => {
    at.get("next").onsuccess = ({ target: { result: next } }) => {
      if (next?.pk != pk) return;
      const { old, signed, ...root } = next;
      at.put(root, "root");
      at.delete("next");
    };
  });

// Sends the rotation that is stored, if there is one: the same bytes give the first answer again, whatever became
// of that. Gives the status, 0 while nothing is known.
devices.settle = async () => {
  const next = await read("keys", "next");
  if (!next) return 404;
  const root = await keyOf();
  // Closed before it was signed, or signed by a key that this browser has no more: nobody heard of it.
  if (!next.signed || next.old != root?.pk) return await dropNext(), 404;
  const body = JSON.stringify({ rotation: next.signed });
  const { status } = await ask("POST", `/v1/wallets/${next.old}/rotations`, body);
  if (status == 200) await takeNext(next.pk);
  else if (/^4(?!08|25|29)..$/.test(status)) await dropNext();
  else return 0;
  return status;
};

const signRotation = async () => {
  const root = await keyOf();
  const { credential, passkey, renew } = root;
  const next = await makeKey("next", { device: root.device, old: root.pk, credential, renew: !!passkey || renew });
  const at = Math.round(now());
  const heard = await signWith(next, "rotation-next", root.pk, at);
  const signed = await signWith(root, "rotation", next.pk, at, heard);
  if (!signed) throw new Error("the rotation could not be signed");
  // Stored before it is sent: a page that is closed in between settles it at its next visit. Another tab may have
  // been faster: then its bytes are sent, since only one key can follow.
  await change("keys", "next", (old) => old && { ...old, signed: old.signed || signed });
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
      if (status == 200) location.hash = "new-words";
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

// The key of a browser that was cut off opens nothing ever again, so nothing is lost with it.
devices.startOver = async () => {
  await inStore("keys", "readwrite", (at) => at.delete("root")).catch(() => {});
  otherTabs.postMessage("over");
  location.reload();
};

// After the others were cut off, the new words come first.
devices.view = (name) => {
  if (name != "recovery") ops.flag("words-new", false);
  if (name != "home" || location.hash != "#new-words") return;
  history.replaceState(null, "", location.pathname);
  ops.flag("words-new", true);
  recovery.recover();
};
