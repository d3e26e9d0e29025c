// What the creator's and the reviewer's page have in common: sections of which one is shown, the views that
// the address names, and the way in and out by a sign-in link.

import { signIn, signOut, storedSession, takeToken, tokenOf, whenSignedOut } from "./creator-api.js";
import { byId } from "./creator-dom.js";
import { problemNode } from "./creator-problem.js";

export function showOnly(id) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
}

// The view that the address names; the first one where it names none.
export function viewOf(names) {
  const name = location.hash.slice(1);
  return names.includes(name) ? name : names[0];
}

// Shows a view, with its title in the window's; `owner` is whose page it is.
export function openView(name, owner, moveFocus) {
  showOnly(`view-${name}`);
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = byId(`${name}-title`);
  document.title = `${title.textContent} · ${owner} · Farthing`;
  if (moveFocus) {
    scrollTo(0, 0);
    title.focus({ preventScroll: true });
  }
}

// Wires the form for a link and the button for signing out.
//   reasons   words for why nobody is signed in: none, expired, left, bad_link, and others that `shut` is called with
//   untold    said when the server did not hear of the sign-out
//   hidden    ids of what only somebody signed in sees
//   left      called when nobody is signed in any more
//   usedLink  called when a link was of no use and the browser is signed in already
export function door({ reasons, untold, hidden, left, usedLink }) {
  function shut(reason) {
    left();
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
    for (const id of hidden) byId(id).hidden = true;
    byId("signed-out-reason").textContent = reasons[reason];
    byId("signed-out-retry").replaceChildren();
    document.title = "Sign in · Farthing";
    showOnly("view-signed-out");
    if (reason !== "none") byId("signed-out-title").focus();
  }

  async function enter(token) {
    showOnly("view-loading");
    try {
      await signIn(token);
      location.reload();
    } catch (error) {
      if (error.canRetry === true) {
        shut("none");
        byId("signed-out-retry").replaceChildren(problemNode(error, () => enter(token)));
      } else if (storedSession() === null) {
        shut("bad_link");
      } else {
        await usedLink();
      }
    }
  }

  byId("paste-link").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("link").value.trim();
    const token = tokenOf(text) ?? (/^[A-Za-z0-9_.~-]{16,}$/.test(text) ? text : null);
    byId("link-error").textContent = token !== null ? "" : text === ""
      ? "Paste the link first." : "This is not a sign-in link: it should end in #token= and a row of characters.";
    if (token === null) {
      byId("link").setAttribute("aria-invalid", "true");
      byId("link").focus();
      return;
    }
    byId("link").removeAttribute("aria-invalid");
    byId("link").value = "";
    enter(token);
  });

  byId("sign-out").addEventListener("click", async () => {
    byId("sign-out").disabled = true;
    try {
      await signOut();
      shut("left");
    } catch (error) {
      shut("left");
      // Signed out here, but the server did not hear of it: the session lives until it expires.
      if (error.canRetry) byId("signed-out-reason").textContent += ` ${untold}`;
    } finally {
      byId("sign-out").disabled = false;
    }
  });

  whenSignedOut(() => shut("expired"));
  return { enter, shut };
}

// Goes in with the link in the address, or with the session that is there, or asks for a link. Follows the address
// afterwards: another link, or another view (`view` is called).
export function start({ names, way, open, isOpen, view }) {
  addEventListener("hashchange", () => {
    const token = takeToken();
    if (token !== null) way.enter(token);
    else if (isOpen() && (names.includes(location.hash.slice(1)) || location.hash === "")) view();
  });
  const token = takeToken();
  if (token !== null) way.enter(token);
  else if (storedSession() === null) way.shut("none");
  else open();
}
