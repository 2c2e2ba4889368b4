"use strict";
const $ = (id) => document.getElementById(id);
const rows = [...document.querySelectorAll(".requirement")];

// Filter and search: what a row says is read once, when it is first needed.
const said = new Map();
const text = (row) => said.get(row) ?? (said.set(row, row.textContent.toLowerCase()), said.get(row));

function filter() {
  const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const verdicts = new Set([...document.querySelectorAll("[name=verdict]:checked")].map((box) => box.value));
  let shown = 0;
  for (const row of rows) {
    const { verdict, area, level } = row.dataset;
    row.hidden = !(verdicts.has(verdict)
      && (!$("area").value || $("area").value === area)
      && (!$("level").value || $("level").value === level)
      && words.every((word) => text(row).includes(word)));
    shown += !row.hidden;
  }
  $("found").value = `${shown} of ${rows.length} shown`;
  $("nothing").hidden = shown > 0;
}
$("filter").hidden = false;
$("filter").addEventListener("input", filter);
$("filter").addEventListener("submit", (event) => event.preventDefault());
$("open-all").addEventListener("click", () => rows.forEach((row) => { row.open = !row.hidden; }));
$("close-all").addEventListener("click", () => rows.forEach((row) => { row.open = false; }));

// A fragment opens its requirement; opening one by hand makes its fragment the address.
function visit() {
  const row = rows.find((each) => each.id === decodeURIComponent(location.hash.slice(1)));
  if (!row) return;
  row.hidden = false;
  row.open = true;
  row.scrollIntoView();
  row.querySelector("summary").focus({ preventScroll: true });
}
addEventListener("hashchange", visit);
visit();
for (const row of rows) {
  row.querySelector("summary").addEventListener("click", () => {
    if (!row.open) history.replaceState(null, "", `#${row.id}`);
  });
}

addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.matches("input, select, textarea")) {
    event.preventDefault();
    $("search").focus();
  }
  if (event.key === "Escape" && event.target === $("search")) {
    $("search").value = "";
    filter();
  }
});

// Paper shows what does not pass in full.
let opened = [];
addEventListener("beforeprint", () => {
  opened = rows.filter((row) => !row.open && !row.hidden && !["pass", "not-applicable", "noted"].includes(row.dataset.verdict));
  opened.forEach((row) => { row.open = true; });
});
addEventListener("afterprint", () => opened.forEach((row) => { row.open = false; }));

for (const button of document.querySelectorAll(".copy")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
    button.textContent = "Copied";
  });
}

const theme = $("theme");
const dark = () => (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const label = () => { theme.textContent = dark() ? "Light" : "Dark"; };
theme.hidden = false;
theme.addEventListener("click", () => { document.documentElement.dataset.theme = dark() ? "light" : "dark"; label(); });
label();

const links = new Map([...document.querySelectorAll(".head nav a")].map((link) => [link.hash.slice(1), link]));
const watch = new IntersectionObserver((entries) => entries.forEach((entry) =>
  links.get(entry.target.id)?.classList.toggle("here", entry.isIntersecting)), { rootMargin: "-45% 0px -50% 0px" });
document.querySelectorAll("main > section").forEach((section) => watch.observe(section));
