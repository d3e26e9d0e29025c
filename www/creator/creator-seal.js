// Sealing: content becomes a tree of nodes, the tree becomes JSON, the JSON is encrypted with
// the item's content key (docs/api.md, "Sealed content"). The gate builds the nodes again with
// createElement, so whatever could run code is left out here already, and named.

import { base64urlOf, bytesOf } from "./creator-claim.js";

const TAGS_LEFT_OUT = new Set(["script", "iframe", "object", "embed", "base", "meta", "link", "style", "form", "template", "math", "noscript"]);
const CODE_ADDRESS = /^(javascript|vbscript):/i;
export const PICTURE_BYTES_MAX = 8_000_000;

// A parser for markup is a Trusted Types sink. This policy only feeds DOMParser, whose document
// runs nothing and is thrown away after its nodes were read.
const parsing = globalThis.trustedTypes?.createPolicy("farthing-seal", { createHTML: (html) => html })
  ?? { createHTML: (html) => html };

// Answers `{nodes, leftOut}`: the tree, and in words what could not be taken over.
export function nodesOfHtml(html) {
  const page = new DOMParser().parseFromString(parsing.createHTML(html), "text/html");
  const leftOut = new Set();
  const nodes = trimmed(childNodes(page.body, leftOut));
  for (const node of page.head.children) leftOut.add(`<${node.localName}>`);
  return { nodes, leftOut: [...leftOut] };
}

function childNodes(parent, leftOut) {
  return [...parent.childNodes].map((node) => nodeOf(node, leftOut)).filter((node) => node !== null);
}

function nodeOf(node, leftOut) {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  if (node.nodeType !== Node.ELEMENT_NODE) return null;
  const tag = node.localName;
  // createElement cannot make drawings, so an inline drawing becomes a picture of itself.
  if (tag === "svg") return drawingNode(node);
  if (TAGS_LEFT_OUT.has(tag)) {
    leftOut.add(`<${tag}>`);
    return null;
  }
  const attributes = {};
  for (const { name, value } of node.attributes) {
    const isCode = name.startsWith("on") || name === "style" || name === "srcdoc"
      || CODE_ADDRESS.test(value.replace(/[\u0000-\u0020]/g, ""));
    if (isCode) leftOut.add(`the attribute ${name} of <${tag}>`);
    else if (/^[a-z][a-z0-9:_.-]*$/i.test(name)) attributes[name] = value;
  }
  return [tag, attributes, childNodes(node, leftOut)];
}

function drawingNode(svg) {
  const text = new XMLSerializer().serializeToString(svg);
  const attributes = {
    src: `data:image/svg+xml;base64,${standardBase64(new TextEncoder().encode(text))}`,
    alt: svg.getAttribute("aria-label") ?? svg.querySelector("title")?.textContent ?? "",
  };
  for (const name of ["width", "height", "class", "id"]) {
    const value = svg.getAttribute(name);
    if (value !== null) attributes[name] = value;
  }
  return ["img", attributes, []];
}

// White space around the whole content says nothing; between words it does.
function trimmed(nodes) {
  const isBlank = (node) => typeof node === "string" && node.trim() === "";
  const first = nodes.findIndex((node) => !isBlank(node));
  const last = nodes.findLastIndex((node) => !isBlank(node));
  return first === -1 ? [] : nodes.slice(first, last + 1);
}

// A blank line begins a paragraph; a single line break stays a line break.
export function nodesOfText(text) {
  return text.replaceAll("\r\n", "\n").split(/\n[ \t]*\n/).map((part) => part.trim()).filter((part) => part !== "")
    .map((part) => ["p", {}, part.split("\n").flatMap((line, at) => (at === 0 ? [line] : [["br", {}, []], line]))]);
}

// Width and height stand in the node so that the page does not jump when the picture opens.
export async function nodesOfPicture(file, alt) {
  if (!file.type.startsWith("image/")) throw new RangeError("This file is not a picture.");
  if (file.size > PICTURE_BYTES_MAX) throw new RangeError("This picture is larger than 8 MB, too large to stand inside a page. Make it smaller first.");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const src = `data:${file.type};base64,${standardBase64(bytes)}`;
  const picture = new Image();
  picture.src = src;
  try {
    await picture.decode();
  } catch {
    throw new RangeError("This browser cannot show that file as a picture. Is it damaged?");
  }
  const attributes = { src, alt };
  if (picture.naturalWidth > 0 && picture.naturalHeight > 0) {
    attributes.width = String(picture.naturalWidth);
    attributes.height = String(picture.naturalHeight);
  }
  return [["img", attributes, []]];
}

function standardBase64(bytes) {
  const text = base64urlOf(bytes).replaceAll("-", "+").replaceAll("_", "/");
  return text.padEnd(Math.ceil(text.length / 4) * 4, "=");
}

// nonce 12 · AES-256-GCM(content key, nonce, JSON), as base64url. The nonce is random: sealing
// the same item 2³² times, the bound for random nonces, is far away.
export async function seal(contentKey, nodes) {
  const key = await crypto.subtle.importKey("raw", bytesOf(contentKey), "AES-GCM", false, ["encrypt"]);
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const plaintext = new TextEncoder().encode(JSON.stringify(nodes));
  const locked = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, plaintext));
  const sealed = new Uint8Array(nonce.length + locked.length);
  sealed.set(nonce);
  sealed.set(locked, nonce.length);
  return base64urlOf(sealed);
}

// The same nodes as the gate will build, for a look before pasting.
export function buildNodes(nodes) {
  const fragment = document.createDocumentFragment();
  for (const node of nodes) {
    if (typeof node === "string") {
      fragment.append(node);
      continue;
    }
    const [tag, attributes, children] = node;
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(buildNodes(children));
    fragment.append(element);
  }
  return fragment;
}
