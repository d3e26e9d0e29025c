// The report: what was refused and why, what was found, what is held, how often findings were wrong.

import { requestJson } from "./creator-api.js";
import { amountNode, byId, count, h } from "./creator-dom.js";
import { problemNode } from "./creator-problem.js";

const PERIODS_DAYS = [7, 30, 90];
let period = 30;

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

export async function showReport(reviewer) {
  byId("periods").replaceChildren(...PERIODS_DAYS.map((days) => h("button", { type: "button", "aria-pressed": String(days === period), onclick: () => {
    period = days;
    showReport(reviewer);
    byId("periods").querySelector('[aria-pressed="true"]').focus();
  } }, `${days} days`)));
  const place = byId("report");
  const asked = period;
  place.setAttribute("aria-busy", "true");
  try {
    const report = await requestJson(`/v1/review/report?days=${asked}`);
    if (asked === period) place.replaceChildren(figures(report, reviewer), refused(report, reviewer), found(report, reviewer));
  } catch (error) {
    if (error.kind !== "signed_out") place.replaceChildren(problemNode(error, () => showReport(reviewer)));
  } finally {
    place.removeAttribute("aria-busy");
  }
}

function figure(title, value, detail) {
  return h("section", { class: "card figure" }, h("h2", {}, title), h("p", { class: "value-line" }, h("span", { class: "value" }, value)), h("p", { class: "detail" }, detail));
}

function figures(report, reviewer) {
  const alarms = report.false_alarms;
  const rate = alarms.rate === null
    ? figure("False alarms", "–", "No accusing finding was reviewed yet.")
    : figure("False alarms", percent(alarms.rate), `${count(alarms.lifted)} of ${count(alarms.reviewed)} reviewed were lifted; with 95 % certainty between ${percent(alarms.low)} and ${percent(alarms.high)}, if those reviewed are like the others.`);
  const turned = report.refused.reduce((sum, row) => sum + row.count, 0);
  return h("div", { class: "figures" },
    figure("Held until somebody decides", amountNode(report.held, reviewer), "By all undecided findings, and by those decided whose money is on its way."),
    rate, figure("Refused", count(turned), `Payments turned away in the last ${report.days} days; nobody was charged for them.`));
}

function table(id, title, columns, rows, empty) {
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), rows.length === 0
    ? h("p", { class: "empty" }, empty)
    : h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": `Table: ${title}` }, h("table", {},
      h("thead", {}, h("tr", {}, columns.map(([name, isNumber]) => h("th", { scope: "col", class: isNumber ? "number" : null }, name)))),
      h("tbody", {}, rows))));
}

function refused(report, reviewer) {
  const rows = report.refused.map((row) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, row.reason)), h("td", { class: "number" }, count(row.count)),
    h("td", { class: "number" }, amountNode(row.amount, reviewer)), h("td", {}, row.meaning)));
  return table("refused-title", "Refused, by reason", [["Reason"], ["Payments", true], ["Amount", true], ["What it means"]], rows, "Nothing was refused.");
}

function found(report, reviewer) {
  const rows = report.findings.map((row) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, row.rule)), h("td", {}, row.kind),
    h("td", {}, row.accuse ? "accuses" : "watches"), h("td", {}, row.state), h("td", { class: "number" }, count(row.count)),
    h("td", { class: "number" }, amountNode(row.held, reviewer))));
  return table("found-title", "Findings, by rule", [["Rule"], ["Kind"], ["Does"], ["State"], ["Findings", true], ["Held", true]], rows, "Nothing was found yet.");
}
