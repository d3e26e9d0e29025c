// The overview: figures, payout, items. Sums come from the server; this only shows them.

import { DayChart } from "./creator-chart.js";
import { amountNode, backNode, backText, byId, count, h, micros, money, plural, setFigure, spanText } from "./creator-dom.js";

const PERIODS = [["today", "Today"], ["days_30", "Last 30 days"], ["all", "All time"]];

export class Overview {
  constructor() {
    this.figures = new Map();
    this.chart = null;
    this.account = null;
  }

  show(totals, days) {
    this.account = { currency: totals.currency, demo: totals.demo };
    this.showFigures(totals);
    this.showPayout(totals);
    this.chart ??= new DayChart(byId("chart"));
    this.chart.show(days, this.account);
    this.showItems(totals.items);
  }

  // The nodes stay and only their texts change, so that a change can be seen and nothing that a
  // reader has selected or focused is torn away.
  figure(key, label) {
    let figure = this.figures.get(key);
    if (figure === undefined) {
      const value = h("span", { class: "value", id: `figure-${key}` });
      const detail = h("p", { class: "detail", id: `detail-${key}` });
      const back = h("p", { class: "detail back", id: `back-${key}`, hidden: true });
      figure = { value, detail, back };
      this.figures.set(key, figure);
      byId("figures").append(h("section", { class: "card figure", "aria-label": label },
        h("h2", {}, label),
        h("p", { class: "value-line" }, value, this.account.demo ? h("small", { class: "demo-mark" }, " demo") : null),
        back, detail));
    }
    return figure;
  }

  showFigures(totals) {
    for (const [key, label] of PERIODS) {
      const { value, detail, back } = this.figure(key, label);
      setFigure(value, money(totals[key].total, totals.currency));
      const returned = key === "all" ? totals.returned : undefined;
      setFigure(back, backText({ ...totals[key], returned }, totals.currency));
      back.hidden = back.textContent === "";
      setFigure(detail, plural(totals[key].count, "payment", "payments") + freeText(totals[key], totals.currency));
    }
  }

  showPayout(totals) {
    if (this.payout === undefined) {
      this.payout = {
        payable: h("span", { class: "value" }), held: h("span", { class: "value" }),
        review: h("p", { class: "detail", id: "under-review" }),
        bar: h("progress", { max: "1000", "aria-label": "Payable, out of your payout threshold" }),
        threshold: h("p", { class: "detail" }), heldWhy: h("p", { class: "detail" }),
        month: h("p", { class: "detail", id: "month-max" }),
      };
      const mark = () => (this.account.demo ? h("small", { class: "demo-mark" }, " demo") : null);
      byId("payout").replaceChildren(
        h("dl", { class: "pair" },
          h("div", {}, h("dt", {}, "Payable"), h("dd", {}, this.payout.payable, mark())),
          h("div", {}, h("dt", {}, "Held for now"), h("dd", {}, this.payout.held, mark()))),
        this.payout.bar, this.payout.threshold, this.payout.heldWhy, this.payout.month, this.payout.review);
    }
    const { payable, held, bar, threshold, heldWhy, month, review } = this.payout;
    setFigure(month, monthText(totals));
    month.hidden = month.textContent === "";
    const isReviewed = micros(totals.under_review) > 0n;
    review.hidden = !isReviewed;
    review.replaceChildren(...(isReviewed ? [`${money(totals.under_review, totals.currency)} is held until your provider has reviewed what was found. `,
      h("a", { href: "#findings" }, "See the findings and answer")] : []));
    setFigure(payable, money(totals.payable, totals.currency));
    setFigure(held, money(totals.held, totals.currency));
    const goal = micros(totals.threshold);
    const have = micros(totals.payable);
    const thousandths = goal === 0n || have >= goal ? 1000n : have * 1000n / goal;
    bar.value = Number(thousandths);
    threshold.textContent = thresholdText(totals);
    heldWhy.textContent = `A payment is held for ${spanText(totals.refund_window_ms)}, in which it can still be taken back, and then becomes payable.`;
  }

  showItems(items) {
    const place = byId("per-item");
    if (items.length === 0) {
      place.replaceChildren(h("p", { class: "empty" }, "Nothing has been paid yet. Each item and your donations will have a line here."));
      return;
    }
    const cell = (period) => [
      h("td", { class: "number" }, period === undefined ? "–" : count(period.count)),
      h("td", { class: "number" }, period === undefined ? "–" : [amountNode(period.total, this.account), backNode(period, this.account)]),
    ];
    const rows = items.map((item) => h("tr", {},
      h("th", { scope: "row" },
        h("span", { class: "item-title" }, item.name === null ? "Donations" : item.title ?? item.name),
        item.name === null ? null : h("code", { class: "item-name" }, item.name)),
      cell(item.today), cell(item.days_30), cell({ ...item, refunds: item.refunds.count, refunded: item.refunds.total })));
    const group = (label) => h("th", { scope: "colgroup", colspan: "2", class: "number" }, label);
    const pair = () => [h("th", { scope: "col", class: "number" }, "Payments"), h("th", { scope: "col", class: "number" }, "Amount")];
    place.replaceChildren(h("div", { class: "table-scroll", tabindex: "0", role: "group", "aria-labelledby": "per-item-title" },
      h("table", { class: "per-item" },
        h("thead", {},
          h("tr", {}, h("th", { scope: "col", rowspan: "2" }, "Item"), group("Today"), group("30 days"), group("All time")),
          h("tr", {}, pair(), pair(), pair())),
        h("tbody", {}, rows))));
  }
}

// Welcome credit opens items and is credited to nobody, so it stands beside the total.
function freeText(sum, currency) {
  return micros(sum.free) === 0n ? "" : `, and ${money(sum.free, currency)} in welcome credit, which is never paid out`;
}

// What visitors are promised for a month, and what they will be from the next one on.
function monthText({ month_max: most, month_max_next: next, currency }) {
  const now = most === null ? "" : `One visitor pays you at most ${money(most, currency)} a calendar month (UTC); then everything of yours is open to them until it ends. Donations do not count.`;
  if (next === null) return now;
  const then = next.most === null ? "there is no such limit" : `it is ${money(next.most, currency)}`;
  return `${now || "What one visitor pays you a month has no limit."} From ${next.from.slice(0, 10)} on ${then}.`;
}

// Who pays out, and from when on; nothing here pays anybody.
export function thresholdText(totals) {
  const goal = money(totals.threshold, totals.currency);
  if (totals.demo) return `Your threshold is ${goal}. Demo money is never paid out.`;
  const who = "Your provider pays you out by its own means; Farthing counts what is yours, and moves no money to your bank yet.";
  if (micros(totals.threshold) === 0n) return `You have no threshold: any amount may be paid out. ${who}`;
  if (micros(totals.payable) >= micros(totals.threshold)) return `Your threshold of ${goal} is reached. ${who}`;
  return `${money(totals.payable, totals.currency)} of ${goal}, your threshold for a payout. What is below it carries over. ${who}`;
}
