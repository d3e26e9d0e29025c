// Paying without a click, within what the visitor permitted on the wallet page (docs/decisions/0022-automatic-payments.md).
// Fetched only by frames whose quote says that their key may; `cargo xtask wasm` makes it.
//
// The verifier decides whether a permission covers the payment; here it is seen to that nobody is paid out of sight. The
// page is hostile: it can show a frame for a moment, cover it, or show a hundred one after another.

// The button has stood in full view, and its tab in front, for so long: a visitor can have seen the price.
const SEEN_MS = 1_000;
// Between two automatic payments of one site, over all its tabs: the time in which the one before can be undone.
const PAUSE_MS = 10_000;
const LAST = "farthing-automatic";

const wait = (ms) => new Promise((done) => setTimeout(done, ms));
// A clock that was set back must not stop payments for long.
const pauseLeft = () => {
  const since = Date.now() - +localStorage.getItem(LAST);
  return since >= 0 ? PAUSE_MS - since : 0;
};

// Pays once at most; whatever comes of it, the next payment of this frame needs a click. `press` takes the evidence
// of a click (widget/src/gesture.rs), after the word that it is none; `quote` asks anew, and gives whether it may still be paid so.
// Gives true, which is what a quote gives that says so.
let begun;
export const automatic = (press, quote) => {
  if (begun) return true;
  begun = true;
  const button = document.querySelector("button");
  let inView;
  let timer;
  // Counts changes of what is seen: who waited for a turn knows by it that nothing has changed meanwhile.
  let looks = 0;
  const turn = (look) =>
    navigator.locks.request(LAST, async () => {
      await wait(pauseLeft());
      // Another frame may have paid for the item, or the visitor has clicked here, which is an answer of its own; and
      // others may have used the permission up.
      const isStill = () =>
        look == looks &&
        document.documentElement.dataset.state == "ready" &&
        !navigator.userActivation?.hasBeenActive;
      if (!isStill() || !(await quote()) || !isStill()) return;
      // Before the payment: what a closed tab leaves under way counts too.
      localStorage.setItem(LAST, Date.now());
      observer.disconnect();
      document.removeEventListener("visibilitychange", changed);
      press(true, 1, 3, 0, 0, SEEN_MS, 0, SEEN_MS, 1, SEEN_MS);
    });
  const changed = () => {
    looks++;
    clearTimeout(timer);
    if (inView && document.visibilityState == "visible") timer = setTimeout(turn, SEEN_MS, looks);
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
  return true;
};
