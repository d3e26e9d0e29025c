// How a failed request looks: what happened, what to do, and a new attempt by itself where one
// can help.

import { h } from "./creator-dom.js";

const PAUSES_MS = [3000, 6000, 12_000, 30_000];
let pauseIndex = 0;

// A box with the words of the error. When it can help, `again` is called after a pause that grows
// from failure to failure, when the device comes back online, or by the button.
export function problemNode(error, again) {
  const canRetry = error.canRetry === true && again !== undefined;
  const words = error.kind === undefined ? "Something went wrong on this page." : error.message;
  const box = h("div", { class: "problem", role: "alert" }, h("p", {}, canRetry ? `${words} Trying again…` : words));
  if (error.kind === undefined) console.error(error);
  if (again === undefined) return box;
  let isDone = false;
  const act = () => {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    removeEventListener("online", act);
    if (box.isConnected) again();
  };
  const pause = error.retryAfterMs ?? PAUSES_MS[Math.min(pauseIndex, PAUSES_MS.length - 1)];
  const timer = canRetry ? setTimeout(() => { pauseIndex += 1; act(); }, pause) : 0;
  if (canRetry) addEventListener("online", act);
  box.append(h("button", { type: "button", onclick: act }, "Try now"));
  return box;
}

export function everythingWorks() {
  pauseIndex = 0;
}
