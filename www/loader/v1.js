// The loader: one tag on a creator's page. It defines the elements, puts the provider's frame into
// them, and passes on what the frame says. It holds no key and decides nothing about money.
//
//   <script async src="https://pay.example/v1.js" data-creator="cr_…"></script>
//   <farthing-pay item="essay"><a href="https://pay.example/i/cr_…/essay">Pay for this essay</a></farthing-pay>
//
// What stands inside an element is its fallback: it stays visible until the frame is alive.
// Works under a strict CSP of the page: no inline style, no innerHTML.
//
// The page must not wait for us. A frame costs its main thread two to three milliseconds, so it is made when a reader comes
// near, after the page was painted, and each in a task of its own, between which the page answers its reader.
const script = document.currentScript;
const provider = new URL(script.src).origin;
const sheet = new CSSStyleSheet();
sheet.replaceSync(
  ":host(:not([hidden])){min-height:76px;display:grid}*{grid-area:1/1}slot:not([hidden]){display:block}" +
    "iframe{border:0;width:100%;visibility:hidden;height:76px}.on{visibility:visible}.open{grid-area:2/1}",
);

// Builds the sealed content that the frame decrypted. What could run is left out.
const grow = (into, nodes) => {
  for (const node of nodes || []) {
    // A list is an element, everything else a text.
    if (!node?.map) {
      into.append(node);
    } else if (!/^(script|i?frame|object|embed|base|meta|link|style|form)$/i.test(node[0])) {
      const element = document.createElement(node[0]);
      for (const name in node[1]) {
        const value = node[1][name] + "";
        if (
          !/^(on|style)/i.test(name) &&
          !/^javascript:/i.test(value.replace(/[\0- ]/g, ""))
        ) {
          element.setAttribute(name, value);
        }
      }
      grow(element, node[2]);
      into.append(element);
    }
  }
};

for (const mode of ["pay", "gate", "donate"]) {
  // A second loader on the page (another copy of the tag) changes nothing.
  customElements.get("farthing-" + mode) ||
    customElements.define(
      "farthing-" + mode,
      class extends HTMLElement {
        static observedAttributes = ["sealed", "creator", "item", "amount"];

        attributeChangedCallback() {
          this.root && this.connectedCallback();
        }

        connectedCallback() {
          const root = (this.root ||= this.attachShadow({ mode: "closed" }));
          const slot = document.createElement("slot");
          const get = (name) => this.getAttribute(name) || "";
          const { port1, port2 } = new MessageChannel();
          // What the page says about a payment that did not arrive at the visitor. It waits in the channel for the frame.
          this.undelivered = (paid) => port1.postMessage(paid);
          root.adoptedStyleSheets = [sheet];
          root.replaceChildren(slot);
          // A slot that another one has taken the place of is never near.
          new IntersectionObserver(
            (entries, near) => {
              // The newest word counts: a slot may have come near between two of them.
              if (entries.at(-1).isIntersecting) {
                near.disconnect();
                // Live, so that its theme is of when the frame has loaded. Now nothing has changed since the page was painted,
                // and asking for its direction computes nothing.
                const style = getComputedStyle(this);
                const dir = style.direction;
                setTimeout(() => {
                  // The element was moved or changed meanwhile, and another slot waits in its place.
                  const frame = document.createElement("iframe");
                  frame.title = "Farthing: " + (get("item") || mode);
                  frame.part = "frame";
                  frame.referrerPolicy = "origin";
                  frame.onload = () => {
                    // A visitor can load a frame again; the port went to the first document.
                    frame.onload = () => this.connectedCallback();
                    port1.onmessage = ({ data: [what, value, detail] }) => {
                      if (what == "size") {
                        frame.style.height = value + "px";
                      } else if (what == "event") {
                        this.dispatchEvent(
                          new CustomEvent("farthing:" + value, { bubbles: true, composed: true, detail }),
                        );
                      } else {
                        // Alive, and with what a gate opened or without.
                        slot.hidden = !value;
                        if (value) {
                          // Taken out one by one. Emptying this element at once would unload the frame in WebKit, as if it
                          // stood in the element and not beside it in the shadow tree.
                          document.createElement("slot").append(...this.childNodes);
                          grow(this, value);
                        }
                        frame.className = value ? "on open" : "on";
                      }
                    };
                    // Only the provider's own document gets the port; an error page or a stranger does not.
                    // Its look is read now: the page's style sheets may come after the element.
                    const theme = ["background", "color", "surface", "radius", "font-size"].map((name) =>
                      style.getPropertyValue("--farthing-" + name),
                    );
                    frame.contentWindow.postMessage({ farthing: 1, sealed: get("sealed"), theme }, provider, [
                      port2,
                    ]);
                  };
                  frame.src =
                    provider +
                    "/w/frame?lang=" +
                    encodeURIComponent(this.closest("[lang]")?.lang || navigator.language) +
                    "#" +
                    new URLSearchParams({
                      mode,
                      creator: get("creator") || script.dataset.creator || "",
                      item: get("item"),
                      amount: get("amount"),
                      offer: get("offer"),
                      title: get("title"),
                      dir,
                    });
                  // Only now: a frame without an address first goes to an empty document, which costs more than all the rest.
                  root.replaceChildren(slot, frame);
                });
              }
            },
            { rootMargin: "800px" },
          ).observe(slot);
        }
      },
    );
}
