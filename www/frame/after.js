// After a payment: the quiet way back. Fetched by the frame once something is paid or owned, was given back before the frame
// heard of it, or may be paid in a window that cannot speak to it, so that nobody waits for it before; `cargo xtask wasm` makes
// one for each language.
//
// The visitor's own refund is asked once more, in place, and takes its second click a second after the first
// at the earliest (docs/decisions/0015-clicks-in-every-engine.md). What did not open goes back by itself: sealed
// content that does not decrypt, or what the creator's page says was not delivered. Money only ever goes from the
// creator back to the visitor here, so a page that lies, or steals the clicks, takes from its owner.
//
// The request is signed by the key that may pay here (docs/protocol.md, "Refund"), with the browser's own Ed25519:
// the frame's module signs claims and reads, and nothing else.
const root = document.documentElement;
const main = document.querySelector("main");
const said = document.querySelector("p");
const sheet = new CSSStyleSheet();
sheet.replaceSync("$CSS");
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

const REASONS = { 1: "not_delivered", 2: "mistake" };
const TRIES = 6;
// A claim and its refund have the clock of the verifier; a longer timer than this one fires at once.
const TIMER_MS_MAX = 2 ** 31 - 1;
// What nobody clicked for is undone by one click for so long.
const UNDO_MS = 10_000;
// The notice of it has stood in full view for so long: a visitor can have seen it.
const SEEN_MS = 1_000;
// What was paid last without a click (automatic.js).
const LAST = "farthing-automatic";
const last = () => {
  try {
    return JSON.parse(localStorage.getItem(LAST)) || {};
  } catch {
    return {};
  }
};
const keep = (record) => {
  try {
    localStorage.setItem(LAST, JSON.stringify(record));
  } catch {
    // Where nothing may be stored, nothing is paid without a click either.
  }
};
// How often coming back to the page asks whether the payment was given back elsewhere.
const LOOK_MS = 3_000;
// A page may set what is sealed after the payment, and then gets a new frame; one that has set nothing for so long
// has nothing to deliver.
const LATE_MS = 30_000;

const from64 = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt());
const to64 = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");

// The request's bytes (shared/src/refund.rs draws them).
const request = (record, paid, reason, at) => {
  const bytes = new Uint8Array(200);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode("farthing/refun/1"));
  bytes.set(from64(record.verifier), 16);
  bytes.set(from64(record.pk), 48);
  bytes.set(from64(paid.claim_id), 80);
  view.setBigUint64(112, BigInt(paid.entry));
  view.setBigUint64(120, BigInt(Math.round(at)));
  bytes[128] = reason;
  return bytes;
};
// An Ed25519 seed as PKCS #8 (RFC 8410).
const PKCS8 = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
const signed = async (record, bytes) => {
  const { iv, wrap, sealed } = record;
  const seed = new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, wrap, sealed));
  const wrapped = Uint8Array.from([...PKCS8, ...seed]);
  seed.fill(0);
  const key = await crypto.subtle.importKey("pkcs8", wrapped, "Ed25519", false, ["sign"]);
  wrapped.fill(0);
  bytes.set(new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytes.subarray(0, 136))), 136);
  return to64(bytes);
};

// Asks for a notice of the wallet page, at longer and longer intervals, for about ten minutes.
export const notice = async (ask, name) => {
  for (let pause = 1e3; pause < 15e3; pause *= 1.02) {
    await new Promise((done) => setTimeout(done, pause));
    const answer = await ask("GET", "/v1/notices/" + name);
    if (answer.status == 200) return answer;
  }
};

// Said of a payment whose answer was lost, and which was given back before it was asked for again. It is not paid, and to the
// frame's machine it is one that never arrived; its line is put right here, before anybody can read it, until it says something else.
export const refunded = (amount) => {
  const untrue = ["$Lost", "$LastLost"].map((sentence) => sentence + " " + "$uncharged");
  const truth = "$backSince".replace("%0", () => amount);
  const watch = new MutationObserver(() => {
    if (untrue.includes(said.textContent)) said.textContent = truth;
    else if (said.textContent != truth) watch.disconnect();
  });
  watch.observe(said, { childList: true });
};

// Called for each payment; an item has one, and what is owned is told once more. `unopened` is what was sealed and did not
// open, `""` where the page has sealed nothing; undefined when all is well. `automatic`: nobody clicked for it just now; a frame
// that was taken away before it said so leaves it to the next one, by what is stored.
let again;
export const after = (port, record, wanted, ask, signWith, now, unopened, automatic) => {
  if (wanted.mode == "donate") return;
  if (again) return again(unopened);
  // What was paid on the wallet page, by a key that the frame has not got, is given back there.
  const isOurs = !!record?.verifier;
  const place = document.createElement("footer");
  main.append(place);

  // What the verifier says that is owned, and whether its money is on the way back.
  let paid;
  let currency;
  let month;
  let giving = false;
  let over = false;
  // The language of the page may be written in any way; one that is no tag is passed over.
  let locale;
  try {
    [locale] = Intl.getCanonicalLocales(new URLSearchParams(location.search).get("lang") || []);
  } catch {
    locale = root.lang;
  }
  const money = (amount = paid.amount) =>
    new Intl.NumberFormat(locale, {
      style: "currency",
      currency,
      maximumFractionDigits: 6,
    }).format(amount);
  const fill = (text) => text.replace("%0", money());

  // What the creator takes in a month at most, and what of that was paid.
  const tellMonth = ({ most, paid: sum, until }) => {
    const day = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" }).format(Date.parse(until));
    const [text, ...values] = paid.open_until || sum == most
      ? ["$monthOpen", money(most), day]
      : ["$month", money(sum), money(most), day];
    month = document.createElement("small");
    month.textContent = text.replace(/%(\d)/g, (_, place) => values[place]);
    main.append(month);
  };

  const tell = (text, ...buttons) => {
    const line = document.createElement("span");
    line.textContent = text;
    place.replaceChildren(line, ...buttons);
  };
  const button = (text, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.onclick = (event) => event.isTrusted && act();
    return made;
  };
  const link = (text) => {
    const made = document.createElement("a");
    Object.assign(made, { href: "/wallet", target: "_blank", rel: "noopener", textContent: text });
    return made;
  };

  let timer;
  const offer = () => {
    clearTimeout(timer);
    if (giving || over) return;
    const left = Date.parse(paid.refundable_until) - now();
    const focused = place.contains(document.activeElement);
    if (!(left > 0)) return place.replaceChildren();
    place.replaceChildren(button("$back", question));
    if (focused) place.firstChild.focus();
    place.firstChild.ariaLabel = "$back" + ": " + money();
    timer = setTimeout(offer, Math.min(left, TIMER_MS_MAX));
  };
  const id = wanted.creator + " " + wanted.item;
  const isUnsaid = () => {
    const { at, id: paid, seen } = last();
    const since = Date.now() - at;
    return automatic || (paid == id && (seen == false || (since >= 0 && since < UNDO_MS)));
  };
  // In the line that is read aloud, since the visitor did nothing that it would answer.
  const announce = () => {
    said.textContent += " " + "$automatic";
    if (Date.parse(paid.refundable_until) > now()) {
      place.replaceChildren(button("$undo", () => give(2)));
      place.firstChild.ariaLabel = "$undo" + ": " + money();
      timer = setTimeout(offer, UNDO_MS);
    }
    // A claim that a closed tab left behind was sent just now.
    if (last().seen != false) keep({ at: Date.now(), id, seen: false });
    // Until this was seen, nothing else is paid without a click.
    let inView;
    let seeing;
    const isSeen = () => {
      observer.disconnect();
      document.removeEventListener("visibilitychange", looks);
      const { at, id: paid } = last();
      if (paid == id) keep({ at, id, seen: true });
    };
    const looks = () => {
      clearTimeout(seeing);
      if (inView && document.visibilityState == "visible") seeing = setTimeout(isSeen, SEEN_MS);
    };
    const observer = new IntersectionObserver(
      (entries) => {
        const { intersectionRatio, isVisible } = entries.at(-1);
        // Only Chromium says whether something covers or distorts it.
        inView = intersectionRatio >= 0.99 && isVisible != false;
        looks();
      },
      { threshold: [0, 0.99], trackVisibility: true, delay: 100 },
    );
    observer.observe(main);
    document.addEventListener("visibilitychange", looks);
  };
  const question = () => {
    const asked = performance.now();
    // The second half of a double click has seen no question.
    const yes = button("$backYes", () => performance.now() - asked >= 1000 && give(2));
    const no = button("$backNo", offer);
    tell(fill("$backAsk"), yes, no);
    place.role = "group";
    no.focus();
  };

  // The money is back: here, in another frame, or on the wallet page.
  const back = (text, reason) => {
    over = true;
    const { amount, entry } = paid;
    port.postMessage(["event", "refunded", { item: wanted.item, amount, entry, reason }]);
    // What the gate had opened goes, and then the place that it had.
    if (wanted.mode == "gate") port.postMessage(["nodes", []]);
    port.postMessage(["ready"]);
    root.dataset.state = "closed";
    main.firstElementChild.hidden = true;
    said.textContent = fill(text);
    place.replaceChildren();
    month?.remove();
  };

  // What was refused once is not asked for again by itself.
  let refused;
  // Sent until there is an answer: the same request again gets its first one.
  const give = async (reason) => {
    if (giving || over) return;
    giving = true;
    // What comes of it stays there to be read.
    clearTimeout(timer);
    tell("$backAsking");
    let body;
    try {
      body = JSON.stringify({ refund: await signed(record, request(record, paid, reason, now())) });
    } catch {
      // A browser without Ed25519: the wallet page signs by itself.
      giving = false;
      return tell("", link("$wallet"));
    }
    for (let tries = 0; tries < TRIES; tries++) {
      const { status, refunded, message, retry_after } = await ask("POST", "/v1/refunds", body);
      if (over) return;
      if (status == 200 && refunded) return back(reason == 1 ? "$backUndelivered" : "$backDone", REASONS[reason]);
      if (status == 200 || (status >= 400 && status < 500 && ![408, 425, 429].includes(status))) {
        giving = false;
        refused = paid.entry;
        return tell((root.lang == "en" && message) || "$backFailed");
      }
      const pause = Math.min(60_000, Math.max(500 << tries, retry_after * 1000 || 0));
      await new Promise((done) => setTimeout(done, pause));
    }
    giving = false;
    tell("$backUnknown", link("$wallet"));
  };

  // What did not open: the page names the payment, so that an old word says nothing about a new one.
  let word;
  let late;
  const release = () => {
    if (!isOurs) {
      if (word || unopened != null) tell("", link("$wallet"));
      return;
    }
    if (!paid || refused == paid.entry || !(Date.parse(paid.refundable_until) > now())) return;
    if (unopened || word?.entry == paid.entry) return give(1);
    if (unopened == "" && !late) {
      late = setTimeout(() => {
        unopened = "late";
        release();
      }, LATE_MS);
    }
  };
  port.onmessage = ({ data }) => {
    word = data;
    release();
  };
  again = (still) => {
    clearTimeout(late);
    late = 0;
    unopened = still;
    release();
  };
  again(unopened);
  if (!isOurs) return;

  let looked = -LOOK_MS;
  let failures = 0;
  const look = async () => {
    if (over || performance.now() - looked < LOOK_MS) return;
    looked = performance.now();
    const { creator, item, origin } = wanted;
    const path = "/v1/quote?" + new URLSearchParams({ creator, item, origin });
    const answer = await ask("GET", path, "", await signWith(record, record.verifier, "GET", path));
    if (over || giving) return;
    if (answer.status != 200) {
      // Without an answer nothing was said of a payment without a click, and there is no way back.
      if (!paid && failures < TRIES) setTimeout(look, LOOK_MS << failures++);
      return;
    }
    ({ currency } = answer);
    if (answer.owned) {
      const isFirst = !paid;
      paid = answer.owned;
      // What was refundable may be so no more: a ceiling was reached elsewhere.
      const ended = !(Date.parse(paid.refundable_until) > now());
      // "Yours already: you paid 0.00" is what the frame itself can say of it.
      if (isFirst && paid.open_until) said.textContent = "$openNow";
      if (isFirst && isUnsaid()) announce();
      // A sentence, or the way to the wallet page, stays.
      else if (isFirst || (ended && place.querySelector("button"))) offer();
      month?.remove();
      if (answer.month?.paid) tellMonth(answer.month);
      release();
    } else if (paid && !paid.open_until) {
      back("$backDone", null);
    }
  };
  const lookAgain = () => document.visibilityState == "visible" && look();
  document.addEventListener("visibilitychange", lookAgain);
  addEventListener("focus", lookAgain);
  look();
};
