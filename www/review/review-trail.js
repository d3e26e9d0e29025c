// The trail: who did what, when, and why.

import { requestJson } from "./creator-api.js";
import { byId, h, timeNode } from "./creator-dom.js";
import { problemNode } from "./creator-problem.js";

const ACTS = { uphold: "Upheld", lift: "Lifted", answer: "Answered", slow: "Slowed the wallet", freeze: "Froze the wallet", thaw: "Thawed the wallet" };

function act(line) {
  return ACTS[line.act] ?? line.act;
}

// The trail of one finding and its wallet.
export function trailList(lines) {
  return h("ol", { class: "trail" }, lines.map((line) => h("li", {},
    h("strong", {}, act(line)), ` by ${line.who}, `, timeNode(line.at), h("blockquote", {}, line.why))));
}

// Everybody's.
export async function showTrail(cursor = null) {
  const place = byId("decisions");
  if (cursor === null) place.setAttribute("aria-busy", "true");
  try {
    const page = await requestJson(`/v1/review/decisions${cursor === null ? "" : `?cursor=${cursor}`}`);
    if (cursor === null) place.replaceChildren();
    byId("trail-more")?.remove();
    if (cursor === null && page.data.length === 0) {
      place.append(h("p", { class: "empty card" }, "Nobody has decided or answered anything yet."));
      return;
    }
    const rows = page.data.map((line) => h("tr", {},
      h("td", {}, timeNode(line.at)), h("td", {}, line.who), h("th", { scope: "row" }, act(line)),
      h("td", {}, line.finding === null ? line.wallet : `finding ${line.finding}`), h("td", { class: "why" }, line.why)));
    if (cursor === null) {
      place.append(h("div", { class: "card table-scroll", tabindex: "0", role: "region", "aria-label": "Table of decisions and answers" },
        h("table", {}, h("thead", {}, h("tr", {}, ["When", "Who", "What", "About", "Why"].map((name) => h("th", { scope: "col" }, name)))),
          h("tbody", { id: "trail-rows" }, rows))));
    } else {
      byId("trail-rows").append(...rows);
    }
    if (page.next !== null) place.append(h("button", { type: "button", id: "trail-more", onclick: () => showTrail(page.next) }, "Show more"));
  } catch (error) {
    if (error.kind === "signed_out") return;
    const box = problemNode(error, () => { box.remove(); showTrail(cursor); });
    if (cursor === null) place.replaceChildren(box);
    else place.append(box);
  } finally {
    place.removeAttribute("aria-busy");
  }
}
