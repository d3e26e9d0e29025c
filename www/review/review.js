// The review page: who is signed in, which view is shown, and what is looked at again by itself.
//
// It is served on a listener and an origin of its own, where no visitor's page and no other script
// runs. Nothing on it is ever parsed as markup.

import { onSessionChange, requestJson } from "./creator-api.js";
import { byId, clockText } from "./creator-dom.js";
import { door, openView, showOnly, start, viewOf } from "./creator-door.js";
import { everythingWorks, problemNode } from "./creator-problem.js";
import { Queue } from "./review-queue.js";
import { showReport } from "./review-report.js";
import { showTrail } from "./review-trail.js";

const VIEWS = ["queue", "decisions", "report"];
const LOOK_AGAIN_MS = 5000;

const REASONS = {
  none: "",
  expired: "Your session has ended: after twelve hours, or because the server was started again.",
  left: "You are signed out in this browser.",
  elsewhere: "You signed out in another tab.",
  bad_link: "This link was used, is older than ten minutes, or was made before the server started.",
};

// `reviewer` is `null` while nobody is signed in.
const page = { reviewer: null, queue: null, timer: 0 };

// ---- signing in and out ------------------------------------------------------------------

const way = door({
  reasons: REASONS,
  untold: "The server could not be told; the session ends there by itself.",
  hidden: ["who", "live", "sign-out", "views", "demo-banner", "no-scan"],
  left() {
    clearTimeout(page.timer);
    page.reviewer = null;
  },
  // The session is what counts.
  usedLink: open,
});

onSessionChange((session) => {
  if (session === null && page.reviewer !== null) way.shut("elsewhere");
  else if (session !== null && page.reviewer === null) location.reload();
});

// ---- views -------------------------------------------------------------------------------

function view() {
  return viewOf(VIEWS);
}

function showView(moveFocus) {
  const name = view();
  openView(name, page.reviewer.provider, moveFocus);
  if (name === "queue") page.queue.load();
  if (name === "decisions") showTrail();
  if (name === "report") showReport(page.reviewer);
}

// ---- looking again -----------------------------------------------------------------------

function showLive(isReached) {
  byId("live").dataset.state = isReached ? "live" : navigator.onLine ? "reconnecting" : "offline";
  const now = clockText(new Date().toISOString());
  if (isReached) {
    byId("live-text").textContent = `As of ${now}`;
    everythingWorks();
  } else {
    byId("live-text").textContent = navigator.onLine ? "Connection lost; trying again" : "Offline";
  }
}

// What is on the screen stays there while the server cannot be reached; a decision says itself
// that it did not arrive.
async function lookAgain() {
  if (page.reviewer !== null && document.visibilityState === "visible" && view() === "queue") await page.queue.lookAgain();
  clearTimeout(page.timer);
  if (page.reviewer !== null) page.timer = setTimeout(lookAgain, LOOK_AGAIN_MS);
}

addEventListener("online", () => { if (page.reviewer !== null) lookAgain(); });
addEventListener("offline", () => { if (page.reviewer !== null) showLive(false); });
document.addEventListener("visibilitychange", () => { if (page.reviewer !== null) lookAgain(); });

// ---- the start ---------------------------------------------------------------------------

async function open() {
  showOnly("view-loading");
  try {
    page.reviewer = await requestJson("/v1/review");
  } catch (error) {
    if (error.kind !== "signed_out") byId("view-loading").replaceChildren(problemNode(error, open));
    return;
  }
  byId("who").textContent = `${page.reviewer.who} · ${page.reviewer.provider}`;
  for (const id of ["who", "live", "sign-out", "views"]) byId(id).hidden = false;
  byId("demo-banner").hidden = !page.reviewer.demo;
  byId("no-scan").hidden = page.reviewer.scans;
  page.queue ??= new Queue(page.reviewer, showLive);
  showView(false);
  page.timer = setTimeout(lookAgain, LOOK_AGAIN_MS);
}

start({ names: VIEWS, way, open, isOpen: () => page.reviewer !== null, view: () => showView(true) });
