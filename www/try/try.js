// Builds the lines that a site owner pastes. Everything is text: nothing that is typed here is run.
const byId = (id) => document.getElementById(id);
const attribute = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
let loader;

const draw = () => {
  const kind = byId("kind").value;
  const [creator, item, amount] = ["creator", "item", "amount"].map((id) => byId(id).value.trim());
  byId("for-item").hidden = kind == "donate";
  byId("for-amount").hidden = kind != "donate";
  const pinned = byId("pinned").checked && loader;
  const source = location.origin + (pinned ? loader.src : "/v1.js");
  const integrity = pinned ? ` integrity="${loader.integrity}" crossorigin="anonymous"` : "";
  byId("script").textContent =
    `<script async src="${source}"${integrity} data-creator="${attribute(creator)}"></script>`;
  const path = kind == "donate" ? [creator] : [creator, item];
  const link = `<a href="${location.origin}/i/${path.map(encodeURIComponent).join("/")}">`;
  const elements = {
    pay: `<farthing-pay item="${attribute(item)}">\n  ${link}Pay for this</a>\n</farthing-pay>`,
    gate: `<farthing-gate item="${attribute(item)}" sealed="…what sealing gave you…">\n  ${link}Pay to read on</a>\n</farthing-gate>`,
    donate: `<farthing-donate amount="${attribute(amount)}">\n  ${link}Give something</a>\n</farthing-donate>`,
  };
  byId("element").textContent = elements[kind];
  const themed = byId("themed").checked;
  byId("for-theme").hidden = byId("style-part").hidden = !themed;
  const [background, color, surface, radius, size] = ["background", "color", "surface", "radius", "size"].map((id) => byId(id).value);
  const theme = { background, color, surface, radius: `${+radius}px`, "font-size": `${+size}px` };
  const rules = Object.entries(theme).map(([name, value]) => `  --farthing-${name}: ${value};\n`);
  byId("style").textContent = `farthing-${kind} {\n${rules.join("")}}`;
  byId("policy").textContent = `script-src ${location.origin}; frame-src ${location.origin}`;
};

document.addEventListener("input", draw);
document.addEventListener("submit", (event) => event.preventDefault());
draw();
fetch("/l/loader.json")
  .then((answer) => answer.json())
  .then((told) => {
    loader = told;
    draw();
  })
  .catch(() => {
    byId("said").textContent = "The version of the script could not be looked up; it cannot be pinned now.";
    byId("pinned").disabled = true;
  });
