// The lines to paste into a site, with the creator's own id, items and prices in them.

import { byId, h, snippet } from "./creator-dom.js";

export function attributeText(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function itemAddress(creatorId, name) {
  return `${location.origin}/i/${creatorId}/${encodeURIComponent(name)}`;
}

export function scriptTag(creatorId) {
  return `<script async src="${location.origin}/v1.js" data-creator="${creatorId}"></script>`;
}

export function payTag(creator, item) {
  return `<farthing-pay item="${attributeText(item.name)}">
  <a href="${attributeText(itemAddress(creator.id, item.name))}">Pay ${item.price} ${creator.currency}</a>
</farthing-pay>`;
}

// The button takes the place of what stands inside the gate, so the teaser stands before it.
export function gateTag(creator, item, sealed) {
  return `<p>What everybody may read: your teaser.</p>
<farthing-gate item="${attributeText(item.name)}" sealed="${sealed}">
  <a href="${attributeText(itemAddress(creator.id, item.name))}">Read on for ${item.price} ${creator.currency}</a>
</farthing-gate>`;
}

function donateTag(creator) {
  return `<farthing-donate amount="1.00">
  <a href="${location.origin}/i/${creator.id}">Give something</a>
</farthing-donate>`;
}

function policyLines() {
  return `script-src ${location.origin}; frame-src ${location.origin}`;
}

function step(number, title, ...children) {
  return h("li", { class: "card step" }, h("h2", {}, h("span", { class: "step-number", "aria-hidden": "true" }, String(number)), title), ...children);
}

// `items` may be empty: then the lines carry a stand-in name, and the first step is to add one.
export function showSetup(place, creator, items, addItem) {
  const standIn = { name: "my-first-article", title: "My first article", price: "0.05" };
  const item = items.find((one) => one.on_sale) ?? items[0] ?? standIn;
  const choice = h("select", { id: "setup-item" }, items.map((one) => h("option", { value: one.name }, one.title ?? one.name)));
  choice.value = item.name;
  const forItem = h("div");
  const drawForItem = () => {
    const chosen = items.find((one) => one.name === choice.value) ?? item;
    forItem.replaceChildren(
      h("h3", {}, "A button"), h("p", {}, "For a download, an issue, a tip jar: anything you hand out yourself once it is paid."),
      snippet(payTag(creator, chosen), "the button's lines"),
      h("h3", {}, "A gate"), h("p", {}, "For an article or a picture that stands in the page but cannot be read before it is paid. ",
        h("a", { href: "#items" }, "Seal content"), " under Items makes the whole tag; this shows its form:"),
      snippet(gateTag(creator, chosen, "…"), "the gate's lines"));
  };
  choice.addEventListener("change", drawForItem);
  drawForItem();
  const addButton = h("button", { type: "button", class: "primary", onclick: addItem }, "Add an item");
  place.replaceChildren(h("ol", { class: "steps" },
    step(1, "Say what you sell", items.length === 0
      ? [h("p", {}, "Give it a name and a price. The price here counts, whatever a page's markup says."), addButton]
      : [h("p", {}, "Which item should the lines below be for?"), h("div", { class: "row" }, h("label", { for: "setup-item", class: "hidden-text" }, "Item"), choice, h("a", { href: "#items" }, "All items"))]),
    step(2, "Put this tag into your pages", h("p", {}, "Once per page, anywhere in it. It carries your id ", h("code", {}, creator.id), "."), snippet(scriptTag(creator.id), "the script tag")),
    step(3, "Put a button or a gate where it belongs", items.length === 0 ? h("p", { class: "hint" }, "With a stand-in name until you have an item.") : null, forItem),
    step(4, "Or ask for a donation", h("p", {}, "The visitor can change the amount."), snippet(donateTag(creator), "the donation's lines")),
    step(5, "Check what your site allows", sitesNode(creator), h("p", {}, "If your site sends a Content-Security-Policy, it needs these two sources and nothing more:"),
      snippet(policyLines(), "the policy's sources"))));
}

function sitesNode(creator) {
  if (creator.sites.length === 0) {
    return h("p", { class: "problem" }, "No site is registered for you yet, so no page may take payments for you. Tell your provider the address of your site.");
  }
  return [h("p", {}, "Payments for you are taken on these sites. Your provider adds others."),
    h("ul", { class: "plain" }, creator.sites.map((site) => h("li", {}, h("code", {}, site))))];
}

// The overview of somebody who has not been paid yet.
export function showWelcome(totals, creator, items) {
  const place = byId("welcome");
  if (totals.all.count > 0) {
    place.replaceChildren();
    return;
  }
  if (place.childElementCount > 0 && place.dataset.items === String(items.length)) return;
  place.dataset.items = String(items.length);
  place.replaceChildren(h("section", { class: "card welcome", "aria-labelledby": "welcome-title" },
    h("h2", { id: "welcome-title" }, `Welcome, ${creator.name}`),
    h("p", {}, items.length === 0
      ? "Three steps to your first payment: give an item a price, paste one tag into your page, and click on it yourself. This page shows the payment in the same second."
      : "Your items have prices. Paste the tag into your page and click on it yourself: this page shows the payment in the same second."),
    snippet(scriptTag(creator.id), "the script tag"),
    h("p", { class: "row" }, h("a", { href: "#setup", class: "button primary" }, "Set up your site"), h("a", { href: "#items", class: "button" }, items.length === 0 ? "Add an item" : "Items and prices"))));
}
