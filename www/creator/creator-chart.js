// A bar chart of amounts by day: drawn as SVG, walked with the arrow keys, and given as a table.
//
// Positions on the screen are floats; every amount that is written out is the server's own string.

import { backText, count, dayText, h, longDayText, money, plural, svg } from "./creator-dom.js";

const WIDTH_UNSEEN = 640;
const HEIGHT = 220;
const LEFT = 62;
const BOTTOM = 26;
const TOP = 10;

// The top of the scale: 1, 2 or 5 times a power of ten, so that the lines have round names.
function scaleTop(highest) {
  const power = 10 ** Math.floor(Math.log10(highest));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= highest);
  return step * power;
}

function decimalText(number) {
  return number.toFixed(6).replace(/0{1,4}$/, "");
}

// Draws the days into `place`. The day that the reader chose stays chosen when new figures come.
export class DayChart {
  constructor(place) {
    this.place = place;
    this.chosen = null;
    this.days = [];
    this.isTable = false;
    this.readout = h("p", { class: "chart-readout" });
    this.drawing = h("div", { class: "chart-drawing" });
    this.tablePlace = h("div", { class: "table-scroll chart-table", hidden: true, tabindex: "0", role: "region", "aria-label": "Amounts by day" });
    this.toggle = h("button", { type: "button", class: "quiet small", "aria-pressed": "false" }, "Show as a table");
    this.toggle.addEventListener("click", () => this.showTable(!this.isTable));
    // One unit of the drawing is one pixel, so that letters keep their size on a phone.
    new ResizeObserver(() => {
      if (this.days.length > 0 && this.drawing.clientWidth !== this.width && this.drawing.clientWidth > 0) this.show(this.days, this.account);
    }).observe(this.drawing);
    place.replaceChildren(this.drawing, this.tablePlace, h("div", { class: "chart-foot" }, this.readout, this.toggle));
  }

  showTable(isTable) {
    this.isTable = isTable;
    this.drawing.hidden = isTable;
    this.tablePlace.hidden = !isTable;
    this.readout.hidden = isTable;
    this.toggle.setAttribute("aria-pressed", String(isTable));
  }

  show(days, account) {
    this.days = days;
    this.account = account;
    this.width = this.drawing.clientWidth || WIDTH_UNSEEN;
    const hadFocus = this.drawing.contains(document.activeElement);
    if (!days.some((day) => day.day === this.chosen)) this.chosen = days.at(-1)?.day ?? null;
    this.drawing.replaceChildren(this.draw());
    this.tablePlace.replaceChildren(this.table());
    this.say();
    if (hadFocus) this.bar(this.chosen)?.focus({ preventScroll: true });
  }

  bar(day) {
    return this.drawing.querySelector(`[data-day="${day}"]`);
  }

  describe(day) {
    const back = backText(day, this.account.currency);
    return `${longDayText(day.day)}: ${money(day.total, this.account.currency)}, ${plural(day.count, "payment", "payments")}${back && `, ${back}`}`;
  }

  say() {
    const day = this.days.find((one) => one.day === this.chosen);
    this.readout.textContent = day === undefined ? "" : this.describe(day) + (this.account.demo ? " (demo money)" : "");
  }

  choose(day, focus) {
    const before = this.bar(this.chosen);
    const after = this.bar(day);
    if (after === null) return;
    before?.setAttribute("tabindex", "-1");
    before?.classList.remove("chosen");
    after.setAttribute("tabindex", "0");
    after.classList.add("chosen");
    this.chosen = day;
    this.say();
    if (focus) after.focus({ preventScroll: true });
  }

  onKey(event) {
    const here = this.days.findIndex((one) => one.day === this.chosen);
    const last = this.days.length - 1;
    const to = {
      ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last, PageUp: here - 7, PageDown: here + 7,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.choose(this.days[Math.max(0, Math.min(last, to))].day, true);
  }

  draw() {
    const highest = Math.max(...this.days.map((day) => Number(day.total)), 0);
    const top = highest > 0 ? scaleTop(highest) : 1;
    const plotHeight = HEIGHT - TOP - BOTTOM;
    const y = (value) => TOP + plotHeight * (1 - value / top);
    const step = (this.width - LEFT) / this.days.length;
    const picture = svg("svg", {
      viewBox: `0 0 ${this.width} ${HEIGHT}`, role: "group", class: "chart-svg",
      "aria-label": "Amounts by day. The arrow keys move from day to day.",
    });
    const lines = highest > 0 ? [0, top / 2, top] : [0];
    for (const value of lines) {
      picture.append(
        svg("line", { x1: LEFT, x2: this.width, y1: y(value), y2: y(value), class: value === 0 ? "axis" : "grid" }),
        svg("text", { x: LEFT - 8, y: y(value) + 4, class: "scale", "text-anchor": "end", "aria-hidden": "true" },
          money(decimalText(value), this.account.currency)),
      );
    }
    if (highest === 0) {
      picture.append(svg("text", { x: (LEFT + this.width) / 2, y: HEIGHT / 2, class: "nothing", "text-anchor": "middle" },
        this.days.some((day) => day.count > 0) ? `Nothing credited in these ${this.days.length} days` : `No payments in these ${this.days.length} days`));
    }
    const labels = new Set([0, Math.floor((this.days.length - 1) / 2), this.days.length - 1]);
    this.days.forEach((day, index) => {
      const x = LEFT + index * step;
      picture.append(this.barNode(day, x, step, y));
      if (!labels.has(index)) return;
      const anchor = index === 0 ? "start" : index === this.days.length - 1 ? "end" : "middle";
      const at = anchor === "start" ? x : anchor === "end" ? x + step : x + step / 2;
      picture.append(svg("text", { x: at, y: HEIGHT - 8, class: "scale", "text-anchor": anchor, "aria-hidden": "true" }, dayText(day.day)));
    });
    picture.addEventListener("keydown", (event) => this.onKey(event));
    return picture;
  }

  barNode(day, x, step, y) {
    const isChosen = day.day === this.chosen;
    const height = Number(day.total) > 0 ? Math.max(y(0) - y(Number(day.total)), 2) : 0;
    const width = Math.max(step * 0.68, 1);
    // What was given back on this day is the pale top of its bar, as far as the bar goes.
    const back = Math.min(height * Math.min(Number(day.refunded) / (Number(day.total) || 1), 1), height);
    const node = svg("g", {
      class: isChosen ? "day chosen" : "day", role: "img", tabindex: isChosen ? "0" : "-1",
      "data-day": day.day, "aria-label": this.describe(day),
    },
    // The whole column answers to the pointer, so that small and empty days can be read as well.
    svg("rect", { x, y: TOP, width: step, height: HEIGHT - TOP - BOTTOM, class: "column" }),
    svg("rect", { x: x + (step - width) / 2, y: y(0) - height, width, height, rx: Math.min(3, width / 3), class: back > 0 ? "bar gross" : "bar" }),
    ...(back > 0 && back < height ? [svg("rect", { x: x + (step - width) / 2, y: y(0) - height + back, width, height: height - back, class: "bar" })] : []));
    node.addEventListener("pointerenter", () => this.choose(day.day, false));
    node.addEventListener("click", () => this.choose(day.day, true));
    node.addEventListener("focus", () => this.choose(day.day, false));
    return node;
  }

  table() {
    const hasBack = this.days.some((day) => day.refunds > 0);
    const rows = this.days.toReversed().map((day) => h("tr", {},
      h("th", { scope: "row" }, dayText(day.day)),
      h("td", { class: "number" }, count(day.count)),
      h("td", { class: "number" }, money(day.total, this.account.currency)),
      hasBack ? h("td", { class: "number" }, money(day.refunded, this.account.currency)) : null));
    return h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Day"), h("th", { scope: "col", class: "number" }, "Payments"),
        h("th", { scope: "col", class: "number" }, this.account.demo ? "Amount (demo)" : "Amount"),
        hasBack ? h("th", { scope: "col", class: "number" }, "Given back") : null)),
      h("tbody", {}, rows));
  }
}
