// Items and prices: the list, the form that sets a price, and the dialog that seals content.

import { requestJson } from "./creator-api.js";
import { amountNode, announce, byId, copyButton, h, micros, plural, sizeText } from "./creator-dom.js";
import { problemNode } from "./creator-problem.js";
import { buildNodes, nodesOfHtml, nodesOfPicture, nodesOfText, seal } from "./creator-seal.js";
import { gateTag, payTag } from "./creator-setup.js";

const NAME_BYTES_MAX = 200;
// One payment moves at most 1,000 units (shared/src/limits.rs).
const PRICE_MICROS_MAX = 1_000n * 1_000_000n;
// Characters that make one name read like another; the verifier refuses them too.
const TRICK_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

export function nameProblem(name, what) {
  if (name === "") return `Write ${what}.`;
  if (name.trim() !== name) return "Take away the spaces at the beginning or end.";
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX) return "This is too long: at most 200 bytes.";
  if (TRICK_CHARACTERS.test(name)) return "Take away the invisible or control characters.";
  return "";
}

export function priceProblem(price) {
  if (price === "") return "Write a price, such as 0.05.";
  if (/^\d+,\d+$/.test(price)) return `Use a point instead of the comma: ${price.replace(",", ".")}`;
  if (!/^(0|[1-9]\d*)(\.\d+)?$/.test(price)) return "Write a price in figures, such as 0.05.";
  if (!/^\d+(\.\d{1,6})?$/.test(price)) return "At most six digits after the point are possible.";
  const amount = micros(price);
  if (amount === 0n) return "A price of nothing cannot be paid. What is free needs no item.";
  if (amount > PRICE_MICROS_MAX) return "One payment can move at most 1000.";
  return "";
}

// How many of the payments for an item were given back, and what share of them.
const refundText = ({ count, refunds }) =>
  `${refunds.count} refunded (${Math.round((100 * refunds.count) / count)} %)`;

export class Items {
  // `onChange` is called with the whole list whenever it is known anew.
  constructor(creator, onChange) {
    this.creator = creator;
    this.onChange = onChange;
    this.list = null;
    this.editing = null;
    byId("add-item").addEventListener("click", () => this.open(null));
    byId("item-form").addEventListener("submit", (event) => this.save(event));
    byId("item-cancel").addEventListener("click", () => byId("item-dialog").close());
    byId("item-currency").textContent = creator.currency + (creator.demo ? " (demo money)" : "");
    this.sealing = new SealDialog(creator);
  }

  async load() {
    const place = byId("items");
    if (this.list === null) place.setAttribute("aria-busy", "true");
    try {
      const list = [];
      // A creator has tens of items, a newspaper some thousands: 200 a page, and a bound.
      let cursor = "";
      for (let page = 0; page < 50; page += 1) {
        const answer = await requestJson(`/v1/creator/items?limit=200${cursor}`);
        list.push(...answer.data);
        if (!answer.next) break;
        cursor = `&cursor=${encodeURIComponent(answer.next)}`;
      }
      this.list = list;
      this.draw();
      this.onChange(list);
    } catch (error) {
      const box = problemNode(error, () => this.load());
      if (this.list === null) place.replaceChildren(box);
      else place.prepend(box);
    } finally {
      place.removeAttribute("aria-busy");
    }
  }

  draw() {
    const place = byId("items");
    if (this.list.length === 0) {
      place.replaceChildren(h("div", { class: "card empty" },
        h("p", {}, "No items yet. Add the first one: an article, a picture, an issue, and what it costs."),
        h("button", { type: "button", class: "primary", onclick: () => this.open(null) }, "Add an item")));
      return;
    }
    place.replaceChildren(h("ul", { class: "items" }, this.list.map((item) => this.itemNode(item))));
  }

  itemNode(item) {
    const tagButton = copyButton(() => payTag(this.creator, item), `tag of ${item.title}`, "Copy tag");
    return h("li", { class: item.on_sale ? "card item" : "card item off" },
      h("div", { class: "item-what" },
        h("h2", {}, item.title),
        h("p", {}, h("code", {}, item.name), item.on_sale ? null : h("span", { class: "badge" }, "Not on sale"))),
      h("p", { class: "item-price" }, amountNode(item.price, this.creator)),
      h("p", { class: "item-sold hint" }, `Paid ${item.count === 0 ? "by nobody yet" : plural(item.count, "time", "times")}`,
        item.count === 0 ? null : [" · ", amountNode(item.total, this.creator)],
        item.refunds.count === 0 ? null : ` · ${refundText(item)}`),
      h("div", { class: "item-acts" },
        h("button", { type: "button", "aria-label": `Change ${item.title}`, onclick: () => this.open(item) }, "Change"),
        h("button", { type: "button", "aria-label": `Seal content of ${item.title}`, onclick: () => this.sealing.open(item) }, "Seal content"),
        h("span", {}, tagButton, h("code", { hidden: true }, payTag(this.creator, item)))));
  }

  open(item) {
    this.editing = item;
    byId("item-dialog-title").textContent = item === null ? "Add an item" : `Change “${item.title}”`;
    byId("item-name").value = item?.name ?? "";
    byId("item-name").readOnly = item !== null;
    byId("item-title").value = item?.title ?? "";
    byId("item-price").value = item?.price ?? "";
    byId("item-on-sale").checked = item?.on_sale ?? true;
    for (const field of ["name", "title", "price"]) this.fieldError(field, "");
    byId("item-form-error").textContent = "";
    byId("item-dialog").showModal();
    byId(item === null ? "item-name" : "item-price").focus();
  }

  fieldError(field, words) {
    byId(`item-${field}-error`).textContent = words;
    const input = byId(`item-${field}`);
    if (words === "") input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
  }

  // True when the form can be sent; else the first wrong field has the focus.
  check(body) {
    const isTaken = this.editing === null && this.list?.some((item) => item.name === body.name);
    const problems = {
      name: isTaken ? "You have an item of this name already: change it in the list." : nameProblem(body.name, "a name for your tag"),
      title: nameProblem(body.title, "the title that visitors see"),
      price: priceProblem(body.price),
    };
    for (const [field, words] of Object.entries(problems)) this.fieldError(field, words);
    const first = Object.keys(problems).find((field) => problems[field] !== "");
    if (first !== undefined) byId(`item-${first}`).focus();
    return first === undefined;
  }

  async save(event) {
    event.preventDefault();
    const button = byId("item-save");
    if (button.disabled) return;
    const body = {
      name: byId("item-name").value, title: byId("item-title").value.trim(),
      price: byId("item-price").value.trim(), on_sale: byId("item-on-sale").checked,
    };
    byId("item-form-error").textContent = "";
    if (!this.check(body)) return;
    button.disabled = true;
    button.textContent = "Saving…";
    try {
      await requestJson("/v1/creator/items", { method: "PUT", body });
      byId("item-dialog").close();
      announce(`Saved ${body.title}.`);
      await this.load();
    } catch (error) {
      this.saveFailed(error);
    } finally {
      button.disabled = false;
      button.textContent = "Save";
    }
  }

  saveFailed(error) {
    if (["name", "title", "price"].includes(error.field)) {
      this.fieldError(error.field, error.message);
      byId(`item-${error.field}`).focus();
      return;
    }
    byId("item-form-error").textContent = error.canRetry === true
      ? `${error.message} It may or may not have been saved; saving again is safe.`
      : error.kind === undefined ? "Something went wrong on this page." : error.message;
    if (error.kind === undefined) console.error(error);
  }
}

class SealDialog {
  constructor(creator) {
    this.creator = creator;
    this.item = null;
    byId("seal-cancel").addEventListener("click", () => byId("seal-dialog").close());
    byId("seal-form").addEventListener("submit", (event) => this.run(event));
    byId("seal-kinds").addEventListener("change", () => this.showKind());
  }

  kind() {
    return byId("seal-form").elements["seal-kind"].value;
  }

  open(item) {
    // What was typed stays when the same item is opened again, and never leaks into another one.
    if (this.item?.name !== item.name) {
      byId("seal-form").reset();
      byId("seal-result").replaceChildren();
    }
    this.item = item;
    byId("seal-title").textContent = `Seal content of “${item.title}”`;
    byId("seal-error").textContent = "";
    this.showKind();
    byId("seal-dialog").showModal();
  }

  showKind() {
    const kind = this.kind();
    byId("seal-text-field").hidden = kind === "picture";
    byId("seal-picture-field").hidden = kind !== "picture";
    byId("seal-text-label").textContent = kind === "html" ? "Content as HTML" : "Content as plain text";
    byId("seal-error").textContent = "";
  }

  async content() {
    if (this.kind() === "picture") {
      const file = byId("seal-picture").files[0];
      if (file === undefined) throw new RangeError("Choose a picture file first.");
      return { nodes: await nodesOfPicture(file, byId("seal-alt").value.trim()), leftOut: [] };
    }
    const text = byId("seal-text").value;
    const content = this.kind() === "html" ? nodesOfHtml(text) : { nodes: nodesOfText(text), leftOut: [] };
    if (content.nodes.length === 0) {
      throw new RangeError(content.leftOut.length > 0 ? `Nothing is left to seal: ${content.leftOut.join(", ")} cannot be sealed.` : "There is nothing to seal yet.");
    }
    return content;
  }

  async run(event) {
    event.preventDefault();
    const button = byId("seal-save");
    if (button.disabled) return;
    button.disabled = true;
    byId("seal-error").textContent = "";
    const item = this.item;
    try {
      if (globalThis.crypto?.subtle === undefined) throw new RangeError("This page was not loaded over https, so the browser offers no encryption. Use the command “farthing seal” instead.");
      const content = await this.content();
      const answer = await requestJson(`/v1/creator/items/content-key?name=${encodeURIComponent(item.name)}`);
      const sealed = await seal(answer.content_key, content.nodes);
      if (this.item === item) this.show(content, gateTag(this.creator, item, sealed));
    } catch (error) {
      const isOurs = error.kind !== undefined || error instanceof RangeError;
      byId("seal-error").textContent = isOurs ? error.message : "Something went wrong on this page.";
      if (!isOurs) console.error(error);
    } finally {
      button.disabled = false;
    }
  }

  show(content, tag) {
    const preview = h("div", { class: "preview", inert: true });
    // In a shadow tree, pasted ids and classes cannot meet those of this page.
    preview.attachShadow({ mode: "closed" }).append(buildNodes(content.nodes));
    const output = h("textarea", { readonly: true, rows: "4", "aria-label": "The tag to paste" });
    output.value = tag;
    byId("seal-result").replaceChildren(
      content.leftOut.length === 0 ? "" : h("p", { class: "problem" }, `Left out, because a gate does not open it: ${content.leftOut.join(", ")}.`),
      h("h3", {}, "What buyers will see"), preview,
      h("p", { class: "hint" }, "In the colours and type of your own page. A picture or file that has an address of its own is not locked by sealing the page that names it: seal the file as a picture."),
      h("h3", {}, "Paste this into your page"),
      h("div", { class: "snippet" }, output, copyButton(() => tag, "the gate tag")),
      h("p", { class: "hint" }, `${sizeText(tag.length)}. Write your own teaser before the gate. Changed the content? Seal it again: those who have paid can open the new one.`));
    announce("Sealed. The tag to paste is ready.");
    output.focus({ preventScroll: true });
    output.setSelectionRange(0, 0);
    byId("seal-result").scrollIntoView({ block: "nearest" });
  }
}
