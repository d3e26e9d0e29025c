// The review page: who is signed in, which view is shown, and what is looked at again by itself.
//
// It is served on a listener and an origin of its own, where no visitor's page and no other script
// runs. Nothing on it is ever parsed as markup.

import { onSessionChange, requestJson, signIn, signOut, storedSession, takeToken, tokenOf, whenSignedOut } from "./creator-api.js";
import { byId, clockText } from "./creator-dom.js";
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

function showOnly(id) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
}

// ---- signing in and out ------------------------------------------------------------------

async function enterWith(token) {
  showOnly("view-loading");
  try {
    await signIn(token);
    location.reload();
  } catch (error) {
    if (error.canRetry === true) {
      showSignedOut("none");
      byId("signed-out-retry").replaceChildren(problemNode(error, () => enterWith(token)));
    } else if (storedSession() === null) {
      showSignedOut("bad_link");
    } else {
      // A used link in a browser that is signed in already: the session is what counts.
      open();
    }
  }
}

function showSignedOut(reason) {
  clearTimeout(page.timer);
  page.reviewer = null;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const id of ["who", "live", "sign-out", "views", "demo-banner", "no-scan"]) byId(id).hidden = true;
  byId("signed-out-reason").textContent = REASONS[reason];
  byId("signed-out-retry").replaceChildren();
  document.title = "Sign in · Farthing";
  showOnly("view-signed-out");
  if (reason !== "none") byId("signed-out-title").focus();
}

byId("paste-link").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("link").value.trim();
  const token = tokenOf(text) ?? (/^[A-Za-z0-9_-]{16,}$/.test(text) ? text : null);
  byId("link-error").textContent = token !== null ? "" : text === ""
    ? "Paste the link first." : "This is not a sign-in link: it should end in #token= and a row of characters.";
  if (token === null) {
    byId("link").setAttribute("aria-invalid", "true");
    byId("link").focus();
    return;
  }
  byId("link").removeAttribute("aria-invalid");
  byId("link").value = "";
  enterWith(token);
});

byId("sign-out").addEventListener("click", async () => {
  byId("sign-out").disabled = true;
  try {
    await signOut();
    showSignedOut("left");
  } catch (error) {
    showSignedOut("left");
    if (error.canRetry) byId("signed-out-reason").textContent += " The server could not be told; the session ends there by itself.";
  } finally {
    byId("sign-out").disabled = false;
  }
});

onSessionChange((session) => {
  if (session === null && page.reviewer !== null) showSignedOut("elsewhere");
  else if (session !== null && page.reviewer === null) location.reload();
});

whenSignedOut(() => showSignedOut("expired"));

// ---- views -------------------------------------------------------------------------------

function view() {
  const name = location.hash.slice(1);
  return VIEWS.includes(name) ? name : "queue";
}

function showView(moveFocus) {
  const name = view();
  showOnly(`view-${name}`);
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = byId(`${name}-title`);
  document.title = `${title.textContent} · ${page.reviewer.provider} · Farthing`;
  if (moveFocus) {
    scrollTo(0, 0);
    title.focus({ preventScroll: true });
  }
  if (name === "queue") page.queue.load();
  if (name === "decisions") showTrail();
  if (name === "report") showReport(page.reviewer);
}

addEventListener("hashchange", () => {
  const token = takeToken();
  if (token !== null) enterWith(token);
  else if (page.reviewer !== null && (VIEWS.includes(location.hash.slice(1)) || location.hash === "")) showView(true);
});

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

const token = takeToken();
if (token !== null) enterWith(token);
else if (storedSession() === null) showSignedOut("none");
else open();
