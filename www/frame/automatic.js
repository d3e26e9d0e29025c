// Paying without a click, within what the visitor permitted on the wallet page (docs/decisions/0022-automatic-payments.md).
// Fetched only by frames whose quote says that their key may; `cargo xtask wasm` makes it.
//
// The verifier decides whether a permission covers the payment; here it is seen to that nobody is paid out of sight. The
// page is hostile: it can show a frame for a moment, cover it, or show a hundred one after another.

// The button has stood in full view, and its tab in front, for so long: a visitor can have seen the price.
const SEEN_MS = 1_000;
// Between two automatic payments of one site, over all its tabs: the time in which the one before can be undone.
const PAUSE_MS = 10_000;
// What was paid last so, in the storage that all frames of one site share: `at`, the `id` of the item, and whether its notice
// was `seen` (after.js says so). A page can take the frame away before the notice is there: then nothing more is paid without a
// click, so that one payment at most is ever unseen.
const LAST = "farthing-automatic";
const last = () => {
  try {
    return JSON.parse(localStorage.getItem(LAST)) || {};
  } catch {
    return {};
  }
};
const keep = (record) => localStorage.setItem(LAST, JSON.stringify(record));

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
// A clock that was set back must not stop payments for long.
const pauseLeft = () => {
  const since = Date.now() - last().at;
  return since >= 0 ? PAUSE_MS - since : 0;
};
const { dataset } = document.documentElement;
// Until the payment has its answer, whatever it is.
const answered = () =>
  new Promise((done) => {
    const look = () => /paying|asking/.test(dataset.state) || done();
    new MutationObserver(look).observe(document.documentElement, { attributes: true });
    look();
  });

// Pays once at most; whatever comes of it, the next payment of this frame needs a click. `press` takes the evidence
// of a click (widget/src/gesture.rs), after the word that it is none; `quote` asks anew, and gives whether it may still be paid so.
// Gives true, which is what a quote gives that says so.
let begun;
export const automatic = (press, quote) => {
  if (begun) return true;
  begun = true;
  const button = document.querySelector("button");
  const fragment = new URLSearchParams(location.hash.slice(1));
  const id = fragment.get("creator") + " " + fragment.get("item");
  let inView;
  let timer;
  let isOver;
  // Counts changes of what is seen: who waited for a turn knows by it that nothing has changed meanwhile.
  let looks = 0;
  const turn = async (look, price) => {
    // Another frame may have paid for the item; and a click of the visitor is an answer of its own.
    const isStill = () => {
      if (isOver || look != looks || dataset.state != "ready" || navigator.userActivation?.hasBeenActive) return;
      if (button.textContent == price) return true;
      // Nobody has seen this price for a second.
      changed();
    };
    // Where not, word comes from the frame that paid last, or that shows what it paid.
    const isTurn = () => pauseLeft() <= 0 && last().seen != false;
    // Not inside the lock: the timers of a tab in the background are slow, and the one in front would wait for them.
    await wait(pauseLeft());
    if (!isStill() || !isTurn()) return;
    await navigator.locks.request(LAST, async () => {
      // Others may have used the permission up, and the price may be another one.
      if (!isStill() || !isTurn() || !(await quote()) || !isStill() || !isTurn()) return;
      // Before the payment: what a closed tab leaves under way counts too.
      const at = Date.now();
      keep({ at, id, seen: false });
      end();
      press(true, 1, 3, 0, 0, SEEN_MS, 0, SEEN_MS, 1, SEEN_MS);
      await answered();
      // Of what was not paid there is nothing to see.
      if (dataset.state != "paid") keep({ at, seen: true });
    });
  };
  const changed = () => {
    looks++;
    clearTimeout(timer);
    if (!isOver && inView && document.visibilityState == "visible") {
      timer = setTimeout(turn, SEEN_MS, looks, button.textContent);
    }
  };
  const end = () => {
    isOver = true;
    observer.disconnect();
    changed();
  };
  const observer = new IntersectionObserver(
    (entries) => {
      const { intersectionRatio, isVisible } = entries.at(-1);
      // Only Chromium says whether something covers or distorts the button.
      inView = intersectionRatio >= 0.99 && isVisible != false;
      changed();
    },
    { threshold: [0, 0.99], trackVisibility: true, delay: 100 },
  );
  observer.observe(button);
  document.addEventListener("visibilitychange", changed);
  addEventListener("storage", ({ key }) => key == LAST && changed());
  addEventListener(
    "click",
    ({ isTrusted, target }) => {
      if (!isTrusted) return;
      end();
      // Who pays by a click is there and looks. What is paid by it is no payment without one.
      const { at, id: paid, seen } = last();
      if (target == button && seen == false) keep({ at, id: paid == id ? "" : paid, seen: true });
    },
    true,
  );
  return true;
};
