// The page's theme: colours, corners and type size of the button, from custom properties of the element
// (docs/embedding.md, "How it looks"). Fetched only by frames whose page has one.
//
// The page is hostile. What it says is put through the browser's own parser and comes out as numbers within bounds, of
// which the style is written here. None of it can hide the price or the button: words keep a contrast of 4.5 to 1 to what is
// behind them (WCAG 2.2, 1.4.3), the button its edge and its 44 pixels, and "Confirm" its own colours.
const CONTRAST_MIN = 4.5;
const EDGE_CONTRAST_MIN = 3;
const RADIUS_PX = [0, 22];
const SIZE_PX = [13, 24];
const WHITE = [255, 255, 255];
const BLACK = [0, 0, 0];
// As frame.css has them: the button's ground, and the line below it.
const GROUND = [20, 83, 45];
const LINE = [71, 85, 105];

const probe = document.createElement("i");
probe.hidden = true;
const computed = (property, value) => {
  probe.style[property] = "";
  probe.style[property] = value;
  return probe.style[property] ? getComputedStyle(probe)[property] : "";
};
// Red, green and blue from 0 to 255; undefined for what is no colour, or lets through what is behind it. Mixed with
// nothing, a colour comes out in one form, however it was written.
const colour = (value) => {
  const mixed = computed("color", `color-mix(in srgb, ${value} 100%, #000)`);
  const found = /^color\(srgb (\S+) (\S+) (\S+)\)$/.exec(mixed);
  const channels = found?.slice(1).map((part) => Math.round(Math.min(1, Math.max(0, part)) * 255));
  return channels?.every(Number.isInteger) ? channels : undefined;
};
const pixels = (property, value, [least, most]) => {
  const found = parseFloat(computed(property, value));
  return found >= 0 ? Math.min(most, Math.max(least, found)) : undefined;
};

const light = (channels) => {
  const [red, green, blue] = channels.map((channel) => {
    const share = channel / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const contrast = (one, other) => {
  const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
};
// What is wanted where it can be read, else black or white, of which one always can.
const readable = (wanted, ground) => {
  if (wanted && contrast(wanted, ground) >= CONTRAST_MIN) return wanted;
  return contrast(WHITE, ground) > contrast(BLACK, ground) ? WHITE : BLACK;
};
const rgb = (channels) => `rgb(${channels.join(" ")})`;

// The theme in the order in which the loader sends it.
export const wear = ([background, color, surface, radius, size]) => {
  document.documentElement.append(probe);
  const behind = colour(surface);
  const wanted = [colour(background), colour(color)];
  const rules = [];
  if (wanted.some(Boolean)) {
    const ground = wanted[0] ?? GROUND;
    const words = readable(wanted[1], ground);
    // Where the page's own colour is not known, the edge is drawn: it is seen on the ground's colour.
    const stands = behind && contrast(ground, behind) >= EDGE_CONTRAST_MIN;
    rules.push(
      `:root:not([data-state="confirm"]) div :is(button:enabled, a) {
        background: ${rgb(ground)}; color: ${rgb(words)}; border-color: ${stands ? rgb(ground) : rgb(words)} }`,
    );
  }
  if (behind) {
    const words = rgb(readable(LINE, behind));
    rules.push(`body { background: ${rgb(behind)} } :root:root :is(p, label, footer) { color: ${words} }`);
  }
  const corner = pixels("borderTopLeftRadius", radius, RADIUS_PX);
  if (corner != null) rules.push(`div :is(button, a, input) { border-radius: ${corner}px }`);
  const type = pixels("fontSize", size, SIZE_PX);
  if (type) {
    rules.push(
      `div :is(button, a, input) { font-size: ${type}px; line-height: 1.34 }
      :root:root :is(p, label) { font-size: ${Math.max(SIZE_PX[0], type - 2)}px; line-height: 1.54 }`,
    );
  }
  probe.remove();
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules.join(""));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  // A page that turns dark tells its frames by its `color-scheme`, as the visitor's system does. The loader hands the theme of now
  // to a frame that has loaded again. Where somebody was at the button, or it has more to say than its price, nothing is begun
  // anew: the frame's own look, which follows both, takes the theme's place.
  matchMedia("(prefers-color-scheme: dark)").onchange = () => {
    const { dataset } = document.documentElement;
    if (dataset.state == "ready" && !navigator.userActivation?.hasBeenActive) location.reload();
    else document.adoptedStyleSheets = document.adoptedStyleSheets.filter((worn) => worn != sheet);
  };
};
