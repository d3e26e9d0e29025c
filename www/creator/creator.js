// The creator's page: who is signed in, which view is shown, and what happens when figures change.
//
// Everything on it comes from the provider's own origin. Nothing is ever parsed as markup
// except what the creator pastes to seal it (creator-seal.js).

import { LiveTotals, onSessionChange, requestJson } from "./creator-api.js";
import { announce, byId, clockText, count, h, money, plural } from "./creator-dom.js";
import { door, openView, showOnly, start, viewOf } from "./creator-door.js";
import { showFindings } from "./creator-findings.js";
import { Items } from "./creator-items.js";
import { Payments } from "./creator-payments.js";
import { everythingWorks, problemNode } from "./creator-problem.js";
import { refusedLabel, showEvidence, showRefusals } from "./creator-refusals.js";
import { Proof } from "./creator-proof.js";
import { showSetup, showWelcome } from "./creator-setup.js";
import { Overview } from "./creator-totals.js";

const VIEWS = ["overview", "refused", "findings", "items", "setup"];
const PERIODS_DAYS = [7, 30, 90];
const DAY_MS = 86_400_000;

const REASONS = {
  none: "",
  expired: "Your session has ended. Open a fresh link to go on; your totals are as they were.",
  left: "You are signed out in this browser.",
  elsewhere: "You signed out in another tab.",
  bad_link: "This link has expired or was used up. Ask your provider for a new one.",
};

// What the page knows. `null` means: not known yet.
const page = {
  creator: null, provider: null, totals: null, days: [], period: 30, items: null,
  overview: null, payments: null, proof: null, itemsView: null, live: null, midnight: 0,
};

// ---- signing in and out ------------------------------------------------------------------

function noticeNode(words) {
  const notice = h("div", { class: "notice", role: "status" }, h("p", {}, words));
  notice.append(h("button", { type: "button", class: "quiet", onclick: () => notice.remove() }, "Close"));
  return notice;
}

const way = door({
  reasons: REASONS,
  untold: "The provider could not be told; the session ends there by itself, 30 days after it began.",
  hidden: ["who", "live", "sign-out", "views", "demo-banner"],
  left() {
    page.live?.stop();
    page.proof?.stop();
    clearTimeout(page.midnight);
  },
  async usedLink() {
    byId("notices").replaceChildren(noticeNode("That link has expired or was used up. You are still signed in."));
    if (page.creator === null) await open();
    else showView(false);
  },
});

onSessionChange((session) => {
  if (session === null) {
    if (page.creator !== null) way.shut("elsewhere");
  } else if (page.creator === null || session.creator !== page.creator.id) {
    location.reload();
  }
});

// ---- figures -----------------------------------------------------------------------------

// The stream always tells of the last days it knows; a longer period keeps its older days.
function mergeDays(fresh) {
  const byDay = new Map(page.days.map((day) => [day.day, day]));
  for (const day of fresh) byDay.set(day.day, day);
  page.days = [...byDay.values()].sort((a, b) => a.day.localeCompare(b.day)).slice(-Math.max(...PERIODS_DAYS));
}

function shownDays() {
  return page.days.slice(-page.period);
}

function onTotals(totals) {
  const before = page.totals;
  const isOlder = before !== null && Date.parse(totals.now) < Date.parse(before.now);
  mergeDays(isOlder ? totals.days.filter((day) => !page.days.some((known) => known.day === day.day)) : totals.days);
  if (isOlder) return;
  page.totals = totals;
  page.overview.show(totals, shownDays());
  page.proof.draw();
  showRefusedCount(totals.refused);
  if (page.items !== null) showWelcome(totals, page.creator, page.items);
  watchMidnight(totals.now);
  if (before === null) return;
  const fresh = totals.payments - before.payments;
  if (fresh > 0) {
    const demo = totals.demo ? " demo money" : "";
    announce(`${plural(fresh, "new payment", "new payments")}. Today ${money(totals.today.total, totals.currency)}${demo} in ${plural(totals.today.count, "payment", "payments")}.`);
  }
  if (fresh <= 0 && totals.refunds > before.refunds) announce(`A payment was given back. Held for now: ${money(totals.held, totals.currency)}${totals.demo ? " demo money" : ""}.`);
  const hasGoneBack = totals.refunds !== before.refunds || totals.returned !== before.returned;
  if (fresh !== 0 || hasGoneBack) page.payments.refresh(hasGoneBack);
  if (totals.under_review !== before.under_review && view() === "findings") showFindings(page.creator);
  if (totals.refused !== before.refused && view() === "refused") {
    showRefusals(page.creator);
    showEvidence(page.creator);
  }
}

function showRefusedCount(refused) {
  const badge = byId("refused-count");
  badge.hidden = refused === 0;
  badge.textContent = refused === 0 ? "" : count(refused);
  badge.title = refusedLabel(refused);
}

// "Today" ends at midnight UTC, when nothing need have happened that the stream would tell of.
function watchMidnight(now) {
  clearTimeout(page.midnight);
  page.midnight = setTimeout(() => { loadTotals(page.period).catch(() => {}); }, DAY_MS - Date.parse(now) % DAY_MS + 1000);
}

async function loadTotals(days) {
  onTotals(await requestJson(`/v1/creator/totals?days=${days}`));
}

function showPeriods() {
  const buttons = PERIODS_DAYS.map((days) => {
    const button = h("button", { type: "button", "aria-pressed": String(days === page.period) }, `${days} days`);
    button.addEventListener("click", async () => {
      const before = page.period;
      page.period = days;
      showPeriods();
      byId("periods").querySelector('[aria-pressed="true"]').focus();
      try {
        if (page.days.length < days) await loadTotals(days);
        page.overview.show(page.totals, shownDays());
      } catch (error) {
        page.period = before;
        showPeriods();
        if (error.kind !== "signed_out") announce(`The days could not be loaded. ${error.message}`);
      }
    });
    return button;
  });
  byId("periods").replaceChildren(...buttons);
}

function showLive(state) {
  const words = {
    connecting: "Connecting…", live: "Live", reconnecting: "Reconnecting…", offline: "Offline", paused: "Paused",
  }[state];
  const since = state === "live" || page.totals === null ? "" : ` · as of ${clockText(page.totals.now)}`;
  byId("live").dataset.state = state;
  byId("live-text").textContent = words + since;
  if (state === "live") everythingWorks();
}

// ---- views -------------------------------------------------------------------------------

function view() {
  return viewOf(VIEWS);
}

function showView(moveFocus) {
  const name = view();
  openView(name, page.creator.name, moveFocus);
  if (name === "refused") {
    showRefusals(page.creator);
    showEvidence(page.creator);
  }
  if (name === "findings") showFindings(page.creator);
  if (name === "items" || name === "setup") page.itemsView.load();
}

function onItems(items) {
  page.items = items;
  showSetup(byId("setup"), page.creator, items, () => page.itemsView.open(null));
  if (page.totals !== null) showWelcome(page.totals, page.creator, items);
}

// ---- the start ---------------------------------------------------------------------------

async function loadProvider() {
  try {
    page.provider = await requestJson("/v1/provider", { signedIn: false });
  } catch {
    return;
  }
  const fee = page.provider.fee_ppm === 0 ? "It takes no fee." : `It takes a fee of ${page.provider.fee_ppm / 10_000} %.`;
  byId("provider-line").textContent = `Your provider is ${page.provider.name}. ${fee}`;
}

function showSignedIn() {
  byId("who").textContent = page.creator.name;
  for (const id of ["who", "live", "sign-out", "views"]) byId(id).hidden = false;
  byId("demo-banner").hidden = !page.creator.demo;
}

async function open() {
  showOnly("view-loading");
  try {
    const [creator, totals] = await Promise.all([requestJson("/v1/creator"), requestJson(`/v1/creator/totals?days=${page.period}`)]);
    page.creator = creator;
    page.overview = new Overview();
    page.payments = new Payments(creator);
    page.itemsView = new Items(creator, onItems);
    // Before it draws, so that it compares with what was last shown.
    page.totals = null;
    page.proof = new Proof(creator, () => ({ payments: page.totals?.all.count ?? 0, total: page.totals?.all.total ?? "0.00",
      refunds: page.totals?.refunds ?? 0, refunded: page.totals?.refunded ?? "",
      returned: page.totals?.returned ?? "0.00" }));
    showSignedIn();
    onTotals(totals);
  } catch (error) {
    if (error.kind === "signed_out") return;
    byId("view-loading").replaceChildren(problemNode(error, open));
    return;
  }
  showPeriods();
  showView(false);
  page.payments.start();
  if (page.items === null && view() === "overview") page.itemsView.load();
  page.live = new LiveTotals({ totals: onTotals, state: showLive });
  page.live.start();
  loadProvider();
}

// A slow network gets a word after a while, so that nobody takes waiting for broken.
setTimeout(() => {
  const place = byId("view-loading").querySelector("[role=status]");
  if (place !== null) place.textContent = "Still loading; the network is slow…";
}, 4000);

start({ names: VIEWS, way, open, isOpen: () => page.creator !== null, view: () => showView(true) });
