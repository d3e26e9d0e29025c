// Limits: what the whole wallet may pay a day and a month at most, and the switch that pauses all payments.
// The verifier keeps to them; this part shows them and signs new ones. `cargo xtask wasm` joins it to wallet.js.
const limits = {};

let budgetPath = "";
let budget;
let isSetting = false;
const LIMITS = { per_day: "day", per_month: "month" };
const limitField = (name) => document.getElementById(LIMITS[name] + "-limit");
const limitSay = (place, text) => {
  const [line] = $(`[data-limits="${place}"]`);
  const said = text && words(text);
  if (line.textContent != said) line.textContent = said;
};
const sumOf = (decimal) => `\x01${decimal}\x01`;

const readBudget = async () => {
  const root = await keyOf();
  const path = `/v1/wallets/${root.pk}/budget`;
  if (path != budgetPath) budget = undefined;
  budgetPath = path;
  const access = await signWith(root, "read", "GET", budgetPath);
  return ask("GET", budgetPath, "", access);
};

// Read whenever the home view is shown: at its start, after a top-up, a refund, a withdrawal.
limits.view = async (name) => {
  if (name != "home") return;
  const answer = await readBudget().catch(() => ({ status: 0 }));
  if (answer.status == 200) return drawBudget(answer);
  limitSay("saved", "Your limits could not be read. They hold all the same; reload this page to see them.");
};

const drawBudget = (answer) => {
  // An answer that was overtaken says nothing new.
  if (budget?.number > answer.number) return;
  budget = answer;
  for (const name in LIMITS) {
    const field = limitField(name);
    const shown = answer[name] ?? "";
    // What somebody is typing stays.
    if (field.value == (field.dataset.drawn ?? "")) field.value = shown;
    field.dataset.drawn = shown;
    field.disabled = false;
  }
  const { per_day, per_month, spent_in_day, spent_in_month, paused } = answer;
  const day = `Paid today: ${sumOf(spent_in_day)}`;
  const month = `Paid this month: ${sumOf(spent_in_month)}`;
  limitSay("day", per_day ? `${day} of ${sumOf(per_day)}` : day);
  limitSay("month", per_month ? `${month} of ${sumOf(per_month)}` : month);
  for (const button of $("[data-do=pauseAll],[data-limits=save]")) button.disabled = false;
  $("[data-do=pauseAll]")[0].ariaChecked = String(paused);
  limitSay("paused", paused ? "All payments are paused: nothing can be paid from this wallet until you switch this off." : "");
};

// What was typed as a decimal, null for no limit; undefined once it was said what is wrong with it.
const LIMIT_MOST = "1000000";
const typedLimit = (name) => {
  const field = limitField(name);
  const text = field.value.trim().replace(",", ".");
  const problem = !text
    ? ""
    : !/^\d{1,12}(\.\d{1,6})?$/.test(text)
      ? `Please enter an amount such as ${sumOf("2.50")}, or nothing for no limit.`
      : +text == 0
        ? "To pay nothing at all, pause all payments below."
        : +text > LIMIT_MOST
          ? `Please stay at or below ${sumOf(LIMIT_MOST)}.`
          : "";
  field.ariaInvalid = problem ? "true" : "false";
  limitSay(LIMITS[name] + "-problem", problem);
  return problem ? undefined : text || null;
};

const isSet = (shown, wanted) =>
  shown.paused == wanted.paused && Object.keys(LIMITS).every((name) => +shown[name] == +wanted[name]);

// Signs and sends the budget that follows the one in force; says what became of it. Whatever was lost on the way,
// what the verifier shows afterwards tells, and a number is never used twice.
const setBudget = async (change) => {
  let status = 0;
  for (let tries = 0; tries < 3; tries++) {
    const shown = await readBudget().catch(() => ({ status: 0 }));
    ({ status } = shown);
    if (status != 200) continue;
    const wanted = { per_day: shown.per_day, per_month: shown.per_month, paused: shown.paused, ...change };
    if (isSet(shown, wanted)) return drawBudget(shown), 200;
    const { per_day, per_month, paused } = wanted;
    // Dated by the verifier's clock: a device whose clock is wrong can pause too.
    const signed = await signWith(
      await keyOf(), "budget", shown.number + 1, per_day || "0", per_month || "0", +paused, Date.parse(shown.now),
    );
    if (!signed) return 422;
    const answer = await ask("PUT", budgetPath, JSON.stringify({ budget: signed }));
    ({ status } = answer);
    if (status == 200) return drawBudget(answer), 200;
    if (status == 422) break;
  }
  return status;
};
const changeBudget = async (change, said) => {
  if (isSetting || !budget) return;
  isSetting = true;
  limitSay("saved", "");
  try {
    const status = await setBudget(change).catch(() => 422);
    limitSay(
      "saved",
      status == 200
        ? said
        : status == 422
          ? "Your limits could not be signed or were refused. Nothing was changed; please reload this page."
          : "No answer from the payment service, so it is not certain that this was saved. Please try again.",
    );
    return status == 200;
  } finally {
    isSetting = false;
  }
};

limits.saveLimits = async () => {
  const change = {};
  let bad;
  for (const name in LIMITS) {
    change[name] = typedLimit(name);
    if (change[name] === undefined) bad ??= limitField(name);
  }
  if (bad) {
    limitSay("saved", "");
    return bad.focus();
  }
  // What was not typed here stays what it is: another device may have changed it meanwhile.
  for (const name in LIMITS) {
    if (limitField(name).value == (limitField(name).dataset.drawn ?? "")) delete change[name];
  }
  if (await changeBudget(change, "Your limits hold from now on.")) {
    for (const name in LIMITS) limitField(name).value = limitField(name).dataset.drawn;
  }
};
limits.pauseAll = () =>
  changeBudget({ paused: !budget?.paused }, budget?.paused ? "Payments can be made again." : "");
