// Passkeys: one seals the root key's seed for the payment service to keep, and brings it back in another browser.
// What it gives out for our salt (the prf extension of WebAuthn) names the backup and opens it; nobody else learns
// either. `cargo xtask wasm` joins it to wallet.js.
const passkeys = {};

const passkeySay = (place, text) => ($(`[data-passkey=${place}]`)[0].textContent = words(text));
const random = (count) => crypto.getRandomValues(new Uint8Array(count));
const SALT = new TextEncoder().encode("farthing/passkey/1");
const SEALED = [120, 180];
const NONCE = 12;
const toText = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

let canKeep;
// Whether this browser says that it can; without a word of its own it is tried.
const passkeysWork = async () => {
  const known = await window.PublicKeyCredential?.getClientCapabilities?.().catch(() => {});
  return !!window.PublicKeyCredential && known?.["extension:prf"] !== false;
};

passkeys.view = async (name) => {
  if (name != "home" && name != "empty") return;
  passkeySay("open", "");
  canKeep ??= await passkeysWork();
  const root = await keyOf().catch(() => {});
  ops.flag("passkeys", canKeep);
  ops.flag("no-passkeys", !canKeep);
  ops.flag("can-passkey", canKeep && !!root && !root.passkey);
  ops.flag("kept", !!root?.passkey);
  ops.flag("words-too", !root?.checked);
  ops.flag("renew", canKeep && !!root?.renew && !root.passkey);
};

// What the passkey gives out for our salt, and which it was; without a secret where it cannot do that. Both times
// with the visitor verified: an authenticator has another secret for those whom it did not verify.
const secretOf = async (allowCredentials) => {
  const credential = await navigator.credentials.get({
    publicKey: {
      challenge: random(32),
      rpId: location.hostname,
      userVerification: "required",
      allowCredentials,
      extensions: { prf: { eval: { first: SALT } } },
    },
  });
  const secret = credential.getClientExtensionResults().prf?.results?.first;
  return { id: credential.rawId, secret: secret && new Uint8Array(secret) };
};
const openedBy = async (secret) => {
  const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveBits", "deriveKey"]);
  secret.fill(0);
  const hkdf = (info) => ({ name: "HKDF", hash: "SHA-256", salt: SALT, info: new TextEncoder().encode(info) });
  const name = await crypto.subtle.deriveBits(hkdf("name"), material, 256);
  const kind = { name: "AES-GCM", length: 256 };
  const key = await crypto.subtle.deriveKey(hkdf("key"), material, kind, false, ["encrypt", "decrypt"]);
  return { name: toText(new Uint8Array(name)), key };
};

passkeys.passkey = () => {
  passkeySay("make", "");
  ops.view("passkey");
};

const CANNOT = "This passkey or this browser cannot keep a wallet. Please write down recovery words instead.";
const newPasskey = async () => {
  const [{ textContent: provider }] = $("[data-text=provider]");
  const { pk } = await keyOf();
  const name = `${provider} ${pk.slice(0, 6)}`;
  const credential = await navigator.credentials.create({
    publicKey: {
      rp: { id: location.hostname, name: provider },
      user: { id: random(16), name, displayName: name },
      challenge: random(32),
      pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: "public-key", alg })),
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      extensions: { prf: { eval: { first: SALT } } },
    },
  });
  return credential.getClientExtensionResults().prf?.enabled && credential.rawId;
};

// Seals the seed with what the passkey gives out when it is asked again: so it is known today that it does.
const seal = async (root, { name, key }) => {
  const seed = new Uint8Array(await crypto.subtle.decrypt(aes(root.iv), root.wrap, root.sealed));
  const iv = random(NONCE);
  const sealed = new Uint8Array(await crypto.subtle.encrypt(aes(iv), key, seed));
  seed.fill(0);
  return signWith(root, "backup", name, Math.round(now()), toText([...iv, ...sealed]));
};

// A fact about this key; another one that took its place meanwhile learns nothing of it.
const rootIs = (pk, fields) => change("keys", "root", (old) => (old && old.pk == pk ? { ...old, ...fields } : old));
let isKeeping = false;
// A passkey was made at this visit: a prompt that is cancelled does not mean that it is gone.
let isFresh = false;
passkeys.makePasskey = async () => {
  if (isKeeping) return;
  isKeeping = true;
  passkeySay("make", "");
  let pk;
  try {
    // One that was made before, and whose answer was lost, or that holds a key of before.
    const before = await keyOf();
    pk = before.pk;
    let { credential } = before;
    if (!credential) {
      credential = await newPasskey();
      isFresh = true;
    }
    if (!credential) return passkeySay("make", CANNOT);
    await rootIs(pk, { credential });
    const { secret } = await secretOf([{ type: "public-key", id: credential }]);
    if (!secret) {
      await rootIs(pk, { credential: undefined });
      return passkeySay("make", CANNOT);
    }
    const root = await keyOf();
    const body = JSON.stringify({ backup: await seal(root, await openedBy(secret)) });
    const { status } = await ask("PUT", `/v1/wallets/${root.pk}/backups`, body);
    if (status != 200) {
      return passkeySay("make", "The payment service did not keep it. Please try again.");
    }
    await rootIs(root.pk, { passkey: Date.now(), renew: undefined });
    ops.view("home");
  } catch {
    // One of an earlier visit may be gone: the next try makes a new one.
    if (!isFresh) await rootIs(pk, { credential: undefined }).catch(() => {});
    passkeySay("make", "No passkey answered. Please try again, or write down recovery words.");
  } finally {
    isKeeping = false;
  }
};

const NOT_KEPT = {
  404: "No wallet is kept by this passkey. Other devices may have been cut off since; then the new recovery words help.",
  0: RESTORED[0],
};
let isOpening = false;
passkeys.openPasskey = async () => {
  if (isOpening) return;
  isOpening = true;
  passkeySay("open", "");
  try {
    const { id, secret } = await secretOf([]);
    if (!secret) return passkeySay("open", "This passkey or this browser cannot bring a wallet back. Your recovery words can.");
    const { name, key } = await openedBy(secret);
    const { status, backup } = await ask("GET", "/v1/backups/" + name);
    if (status != 200) return passkeySay("open", NOT_KEPT[status] || NOT_KEPT[0]);
    const sealed = toBytes(backup).slice(...SEALED);
    const open = aes(sealed.slice(0, NONCE));
    const seed = new Uint8Array(await crypto.subtle.decrypt(open, key, sealed.slice(NONCE)));
    const problem = await adopt(seed, { passkey: Date.now(), credential: id });
    seed.fill(0);
    if (problem) passkeySay("open", problem);
  } catch {
    passkeySay("open", "No passkey answered. Please try again, or use your recovery words.");
  } finally {
    isOpening = false;
  }
};
