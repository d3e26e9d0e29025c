// Building nodes without ever parsing markup, and the words and figures people read.
//
// Amounts arrive as decimal strings and stay strings or whole micros (BigInt): a float would
// show a creator a sum that the ledger does not hold.

export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function byId(id) {
  return document.getElementById(id);
}

const moneyFormats = new Map();

// Intl reads a decimal string digit by digit. The default of two digits would hide the parts of
// a cent that micropayments are made of, so up to six are shown where they exist.
export function money(decimal, currency) {
  let format = moneyFormats.get(currency);
  if (format === undefined) {
    format = new Intl.NumberFormat(undefined, { style: "currency", currency, maximumFractionDigits: 6 });
    moneyFormats.set(currency, format);
  }
  return format.format(decimal);
}

// An amount with the mark that it is play money, where it is.
export function amountNode(decimal, account, attributes = {}) {
  return h("span", { ...attributes, class: `amount ${attributes.class ?? ""}`.trim() },
    h("span", { class: "figure-text" }, money(decimal, account.currency)),
    account.demo ? h("small", { class: "demo-mark" }, " demo") : null);
}

// What was given back in some time, and what is left of what was paid in it; nothing where nothing was.
// A refund counts when it was made, so more may have gone back today than was paid today: then nothing is said to be left.
// `returned` is what findings gave back to payers, where that is known.
export function backText({ total, refunds, refunded, returned = "0.00" }, currency) {
  const found = micros(returned) === 0n ? null : `${money(returned, currency)} returned after a finding`;
  if (refunds === 0 && found === null) return "";
  // Welcome credit was credited to nobody, so nothing of it goes back either.
  const given = micros(refunded) > 0n ? `${money(refunded, currency)} given back`
    : refunds > 0 ? `${plural(refunds, "payment", "payments")} in welcome credit given back` : null;
  const left = micros(total) - micros(refunded) - micros(returned);
  const rest = left === micros(total) ? null : left < 0n ? "more than was paid in this time" : `${money(decimalOf(left), currency)} left`;
  return [given, found, rest].filter((part) => part !== null).join(", ");
}

export function backNode({ refunded }, account) {
  return micros(refunded) === 0n ? null : h("small", { class: "back-mark" }, `${money(refunded, account.currency)} given back`);
}

export function micros(decimal) {
  const parts = /^(\d+)(?:\.(\d{1,6}))?$/.exec(decimal);
  if (parts === null) throw new RangeError(`not an amount: ${decimal}`);
  return BigInt(parts[1]) * 1_000_000n + BigInt((parts[2] ?? "").padEnd(6, "0"));
}

export function decimalOf(amount) {
  const rest = String(amount % 1_000_000n).padStart(6, "0").replace(/0{1,4}$/, "");
  return `${amount / 1_000_000n}.${rest}`;
}

const countFormat = new Intl.NumberFormat();

export function count(number) {
  return countFormat.format(number);
}

export function plural(number, one, many) {
  return `${count(number)} ${number === 1 ? one : many}`;
}

const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const clockFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", timeZone: "UTC" });
const longDayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeZone: "UTC" });

export function timeNode(rfc3339) {
  const time = new Date(rfc3339);
  // Two parts, so that a narrow column breaks between the day and the hour and nowhere else.
  return h("time", { datetime: rfc3339, title: rfc3339 }, h("span", {}, dateFormat.format(time)), " ", h("span", {}, timeFormat.format(time)));
}

export function clockText(rfc3339) {
  return clockFormat.format(new Date(rfc3339));
}

export function dayText(day) {
  return dayFormat.format(new Date(`${day}T00:00:00Z`));
}

export function longDayText(day) {
  return longDayFormat.format(new Date(`${day}T00:00:00Z`));
}

export function spanText(milliseconds) {
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 1) return plural(Math.round(milliseconds / 1000), "second", "seconds");
  // A span is a promise, so only what is a whole number of hours or days is called so.
  if (minutes < 120 || minutes % 60 !== 0) return plural(minutes, "minute", "minutes");
  const hours = minutes / 60;
  return hours < 72 || hours % 24 !== 0 ? plural(hours, "hour", "hours") : plural(hours / 24, "day", "days");
}

export function sizeText(bytes) {
  if (bytes < 1000) return plural(bytes, "byte", "bytes");
  const unit = bytes < 1_000_000 ? ["kilobyte", 1000] : ["megabyte", 1_000_000];
  return new Intl.NumberFormat(undefined, { style: "unit", unit: unit[0], maximumFractionDigits: 1 }).format(bytes / unit[1]);
}

// Polite messages for screen readers. A burst of payments becomes one message: the newest words
// win, at most one every four seconds.
let pendingWords = null;
let announceTimer = 0;

export function announce(words) {
  pendingWords = words;
  if (announceTimer !== 0) return;
  const speak = () => {
    if (pendingWords === null) {
      announceTimer = 0;
      return;
    }
    byId("announcer").textContent = pendingWords;
    pendingWords = null;
    announceTimer = setTimeout(speak, 4000);
  };
  announceTimer = setTimeout(speak, 50);
}

// Writes a text and lets the eye see that it changed; the first writing is no change.
export function setFigure(node, text) {
  if (node.textContent === text) return;
  const isFirst = node.textContent === "";
  node.textContent = text;
  if (isFirst) return;
  node.classList.remove("changed");
  // Reading the width makes the browser apply the removal, so that the animation starts again.
  void node.offsetWidth;
  node.classList.add("changed");
}

export function saveFile(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = h("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  // The download reads the blob after this turn; a minute is ample and then the memory is free.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// Copies what `text` answers; without a clipboard it marks the `code` or `textarea` beside it.
export function copyButton(text, what, label = "Copy") {
  const button = h("button", { type: "button", class: "copy", "aria-label": `Copy ${what}` }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
      announce(`Copied ${what}.`);
    } catch {
      // Without a secure context or permission there is no clipboard: mark the text instead.
      const code = button.parentElement.querySelector("code, textarea");
      code.hidden = false;
      if (code instanceof HTMLTextAreaElement) code.select();
      else getSelection().selectAllChildren(code);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = label; }, 2500);
  });
  return button;
}

export function snippet(text, what) {
  return h("div", { class: "snippet" },
    h("pre", { tabindex: "0", role: "region", "aria-label": what }, h("code", {}, text)),
    copyButton(() => text, what));
}
