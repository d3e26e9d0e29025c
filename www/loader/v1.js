// The loader: one tag on a creator's page. It defines the elements, puts the provider's frame into
// them, and passes on what the frame says. It holds no key and decides nothing about money.
//
//   <script async src="https://pay.example/v1.js" data-creator="cr_…"></script>
//   <farthing-pay item="essay"><a href="https://pay.example/i/cr_…/essay">Pay for this essay</a></farthing-pay>
//
// What stands inside an element is its fallback: it stays visible until the frame is alive.
// Works under a strict CSP of the page: no inline style, no innerHTML.
const page = document;
const script = page.currentScript;
const provider = new URL(script.src).origin;
const sheet = new CSSStyleSheet();
sheet.replaceSync(
  ":host{display:grid;min-height:76px}:host([hidden]){display:none}" +
    "slot,iframe{grid-area:1/1}slot:not([hidden]){display:block}iframe{border:0;width:100%;height:76px;visibility:hidden}" +
    ".on{visibility:visible}.on.open{grid-area:2/1}",
);

// Builds the sealed content that the frame decrypted. What could run is left out.
const grow = (into, nodes) => {
  for (const node of nodes) {
    if (!Array.isArray(node)) {
      into.append(node);
    } else if (!/^(script|i?frame|object|embed|base|meta|link|style|form)$/i.test(node[0])) {
      const element = page.createElement(node[0]);
      for (const name in node[1]) {
        const value = String(node[1][name]);
        if (
          !/^(on|style$|srcdoc$)/i.test(name) &&
          !/^javascript:/i.test(value.replace(/[\0- ]/g, ""))
        ) {
          element.setAttribute(name, value);
        }
      }
      grow(element, node[2] || []);
      into.append(element);
    }
  }
};

for (const mode of ["pay", "gate", "donate"]) {
  const tag = "farthing-" + mode;
  // A second loader on the page (another copy of the tag) changes nothing.
  customElements.get(tag) ||
    customElements.define(
      tag,
      class extends HTMLElement {
        static observedAttributes = ["creator", "item", "amount", "sealed"];

        attributeChangedCallback() {
          this.frame?.isConnected && this.connectedCallback();
        }

        connectedCallback() {
          const root = (this.root ||= this.attachShadow({ mode: "closed" }));
          const frame = page.createElement("iframe");
          const slot = page.createElement("slot");
          const get = (name) => this.getAttribute(name) || "";
          root.adoptedStyleSheets = [sheet];
          root.replaceChildren(slot, frame);
          this.frame = frame;
          frame.title = "Farthing: " + (get("item") || mode);
          frame.part = "frame";
          frame.loading = "lazy";
          frame.referrerPolicy = "origin";
          frame.onload = () => {
            const { port1, port2 } = new MessageChannel();
            // What the page says about a payment that did not arrive at the visitor.
            this.undelivered = (paid) => port1.postMessage(paid);
            port1.onmessage = ({ data: [what, value, detail] }) => {
              if (what == "size") {
                frame.style.height = value + "px";
              } else if (what == "nodes") {
                this.replaceChildren();
                grow(this, value);
                slot.hidden = false;
                frame.className = "on open";
              } else if (what == "event") {
                this.dispatchEvent(
                  new CustomEvent("farthing:" + value, { bubbles: true, composed: true, detail }),
                );
              } else {
                slot.hidden = true;
                frame.className = "on";
              }
            };
            // Only the provider's own document gets the port; an error page or a stranger does not.
            // Its look is read now: the page's style sheets may come after the element.
            const style = getComputedStyle(this);
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
              dir: getComputedStyle(this).direction,
            });
        }
      },
    );
}
