// Reads a signed claim (docs/protocol.md draws its 256 bytes) and checks evidence against a
// wallet in the reader's own browser.

import { decimalOf } from "./creator-dom.js";

const TAG = "farthing/claim/1";
const BODY = 192;
const SIGNED = 256;
const KINDS = new Map([[1, "view"], [2, "donation"]]);

export function bytesOf(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

// In pieces, because the arguments of one call are limited and a sealed picture is large.
export function base64urlOf(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export function readClaim(bytes) {
  if (bytes.length !== SIGNED || String.fromCharCode(...bytes.subarray(0, 16)) !== TAG) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = KINDS.get(bytes[147]);
  if (kind === undefined) return null;
  return {
    key: base64urlOf(bytes.subarray(48, 80)),
    sequence: view.getBigUint64(80),
    amount: decimalOf(view.getBigUint64(136)),
    currency: String.fromCharCode(...bytes.subarray(144, 147)),
    kind,
    expiresAtMs: Number(view.getBigUint64(180)),
  };
}

async function signatureHolds(bytes) {
  const key = await crypto.subtle.importKey("raw", bytes.subarray(48, 80), "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", key, bytes.subarray(BODY), bytes.subarray(0, BODY));
}

function sameBody(first, second) {
  return first.subarray(0, BODY).every((byte, at) => byte === second[at]);
}

// Two valid signatures of one key over two different bodies with one number: nobody but the
// holder of the key can make these, so nobody can plant them.
export async function checkEvidence(evidence) {
  const part = (text) => {
    const bytes = bytesOf(text);
    return { bytes, claim: readClaim(bytes) };
  };
  const [first, second] = [part(evidence.first), part(evidence.second)];
  const answer = (holds, words) => ({ first, second, holds, words });
  if (first.claim === null || second.claim === null) return answer(false, "At least one of the two is not a claim. Ask your provider.");
  if (first.claim.key !== second.claim.key || first.claim.sequence !== second.claim.sequence || sameBody(first.bytes, second.bytes)) {
    return answer(false, "The two claims do not contradict each other: this is no evidence. Ask your provider.");
  }
  try {
    const both = await signatureHolds(first.bytes) && await signatureHolds(second.bytes);
    return both
      ? answer(true, "Checked in this browser: both signatures hold, for one key and one number, over two different payments.")
      : answer(false, "A signature does not hold: this is no evidence. Ask your provider.");
  } catch {
    return answer(false, "This browser cannot check Ed25519 signatures. Download both claims and check them with another tool.");
  }
}
