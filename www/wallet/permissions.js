// Paying without asking: what each creator may be paid a month without a click. The verifier keeps to it; this part shows
// it and signs new permissions. `cargo xtask wasm` joins it to wallet.js.
const permits = {};

let permitPath = "";
const permitSay = (text) => {
  const [line] = $("[data-permits=saved]");
  line.textContent = text && words(text);
};
const readPermits = async () => {
  const root = await keyOf();
  permitPath = `/v1/wallets/${root.pk}/permissions`;
  return ask("GET", permitPath, "", await signWith(root, "read", "GET", permitPath));
};

// Read whenever the home view is shown, like the limits. What somebody is typing stays.
permits.view = async (name) => {
  if (name != "home") return;
  const answer = await readPermits().catch(() => ({ status: 0 }));
  if (answer.status != 200) return;
  const [list] = $("[data-permits=list]");
  const known = new Set(answer.permissions.map(({ creator }) => creator.id));
  for (const row of [...list.children]) if (!known.has(row.dataset.creator)) row.remove();
  answer.permissions.forEach(drawPermit);
  $("[data-permits=part]")[0].hidden = !answer.permissions.length;
};
const drawPermit = (permit) => {
  const { creator, per_month, paid } = permit;
  const [list] = $("[data-permits=list]");
  let row = [...list.children].find((row) => row.dataset.creator == creator.id);
  if (!row) {
    const [template] = $("[data-row=permits]");
    row = template.content.firstElementChild.cloneNode(true);
    row.dataset.creator = creator.id;
    // Each field is described by the name above it and by what was paid.
    const field = row.querySelector("input");
    row.querySelectorAll("b,span").forEach((place, index) => (place.id = `permit-${creator.id}-${index}`));
    field.setAttribute("aria-describedby", `permit-${creator.id}-0 permit-${creator.id}-1`);
    const save = row.querySelector("button");
    // Which one is saved has to be heard too.
    save.ariaLabel = `${save.textContent}: ${creator.name}`;
    list.append(row);
  }
  // A creator's name is text, whatever it looks like.
  row.querySelector("b").textContent = creator.name;
  const isOn = +per_month > 0;
  row.querySelector("span").textContent = words(
    paid == null
      ? "Too many payments this month to add up, so each one is asked for."
      : isOn
        ? `Paid this month: ${sumOf(paid)} of ${sumOf(per_month)}`
        : `Paid this month: ${sumOf(paid)}`,
  );
  const field = row.querySelector("input");
  const shown = isOn ? per_month : "";
  if (field.value == (field.dataset.drawn ?? "")) field.value = shown;
  field.dataset.drawn = shown;
};

// Signs and sends the permission that follows the one in force; what the verifier shows afterwards tells whether it was
// taken, so that a lost answer is no new number.
const setPermit = async (id, wanted) => {
  let status = 0;
  for (let tries = 0; tries < 3; tries++) {
    const shown = await readPermits().catch(() => ({ status: 0 }));
    ({ status } = shown);
    if (status != 200) continue;
    const permit = shown.permissions.find(({ creator }) => creator.id == id);
    if (!permit) return 422;
    if (+permit.per_month == +wanted) return drawPermit(permit), 200;
    const signed = await signWith(
      await keyOf(), "permission", permit.number + 1, id, wanted, Date.parse(shown.now),
    );
    if (!signed) return 422;
    const answer = await ask("PUT", permitPath, JSON.stringify({ permission: signed }));
    ({ status } = answer);
    if (status == 200) return answer.permissions.forEach(drawPermit), 200;
    if (status == 422) break;
  }
  return status;
};

let isPermitting = false;
permits.permit = async (form) => {
  if (isPermitting) return;
  const field = form.querySelector("input");
  const text = field.value.trim().replace(",", ".");
  const problem =
    text && !/^\d{1,12}(\.\d{1,6})?$/.test(text)
      ? `Please enter an amount such as ${sumOf("2.50")}, or nothing to be asked each time.`
      : +text > LIMIT_MOST
        ? `Please stay at or below ${sumOf(LIMIT_MOST)}.`
        : "";
  field.ariaInvalid = problem ? "true" : "false";
  permitSay(problem);
  if (problem) return field.focus();
  isPermitting = true;
  try {
    const status = await setPermit(form.closest("li").dataset.creator, text || "0").catch(() => 422);
    if (status == 200) field.value = field.dataset.drawn;
    permitSay(
      status != 200
        ? status == 422
          ? "This could not be signed or was refused. Nothing was changed; please reload this page."
          : "No answer from the payment service, so it is not certain that this was saved. Please try again."
        : +text
          ? "From now on you are not asked there up to this amount. Each payment is shown, and you have 10 seconds to undo it."
          : "From now on you are asked each time.",
    );
  } finally {
    isPermitting = false;
  }
};
