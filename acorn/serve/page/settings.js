// Settings: what every request says, and how the page looks. They belong to the conversation; a new one starts with the
// latest.

import { hasKey, setKey } from "./api.js";
import { SAMPLING, readOptions } from "./chats.js";
import { $, el, iconButton } from "./dom.js";
import { keyForm } from "./message.js";

const DEFAULTS = "acorn.options";
const THEME = "acorn.theme";
const WORDS = {
  temperature: ["Temperature", "1", "0 always takes the likeliest token"],
  top_p: ["Top-p", "1", "only the likeliest tokens that together reach this share"],
  top_k: ["Top-k", "all", "only the k likeliest tokens"],
  min_p: ["Min-p", "0", "no token less likely than this times the likeliest"],
  repetition_penalty: ["Repetition penalty", "1", "above 1 makes what was said less likely"],
  max_tokens: ["Most tokens", "what fits", "an answer ends there"],
  seed: ["Seed", "random", "the same seed gives the same answer"],
};
const KEYS = [
  ["Enter", "send"],
  ["Shift Enter", "new line"],
  ["Esc", "stop the answer"],
  ["↑", "in an empty box: edit the last message"],
  ["Ctrl K", "new chat"],
];

export function defaults() {
  try {
    return readOptions(JSON.parse(localStorage.getItem(DEFAULTS)));
  } catch {
    return readOptions(null);
  }
}

const theme = () => document.documentElement.dataset.theme ?? "auto";

function setTheme(value) {
  if (value === "auto") {
    localStorage.removeItem(THEME);
    delete document.documentElement.dataset.theme;
  } else {
    localStorage.setItem(THEME, value);
    document.documentElement.dataset.theme = value;
  }
}

/** change(options): they were changed. newKey(): another API key. */
export function openSettings(options, change, newKey) {
  const dialog = $("options");
  const now = { ...options };
  const set = (name, value) => {
    if (value === null) delete now[name];
    else now[name] = value;
    const clean = readOptions(now);
    localStorage.setItem(DEFAULTS, JSON.stringify(clean));
    change(clean);
  };
  const system = el("textarea", { id: "system", rows: "4", value: now.system, placeholder: "None" });
  system.addEventListener("input", () => set("system", system.value));
  const reset = () => {
    for (const name of Object.keys(SAMPLING)) delete now[name];
    set("system", system.value);
    for (const input of dialog.querySelectorAll(".number input")) input.value = "";
  };
  dialog.replaceChildren(
    el(
      "div",
      { class: "sheet" },
      el("div", { class: "sheet-head" }, el("h2", { id: "options-title" }, "Settings"),
        iconButton("close", "Close", () => dialog.close())),
      el("label", { for: "system" }, "System prompt"),
      system,
      el("fieldset", {}, el("legend", {}, "Sampling"), ...Object.keys(SAMPLING).map((name) => numberField(name, now, set)),
        el("button", { type: "button", class: "small", onclick: reset }, "All as the server has them")),
      themeField(),
      keyField(newKey),
      el("section", {}, el("h3", {}, "Keys"), el("dl", { class: "keys" }, ...KEYS.flatMap(([key, what]) =>
        [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)]))),
    ),
  );
  dialog.onclick = (event) => {
    if (event.target === dialog) dialog.close(); // beside the sheet
  };
  dialog.showModal();
}

function numberField(name, now, set) {
  const [low, high, whole] = SAMPLING[name];
  const [label, without, hint] = WORDS[name];
  const input = el("input", {
    id: `set-${name}`, type: "number", min: String(low), max: String(high), step: whole ? "1" : "any",
    inputmode: whole ? "numeric" : "decimal", placeholder: without, value: now[name] ?? "",
    "aria-describedby": `hint-${name}`,
  });
  input.addEventListener("input", () => {
    const bad = !input.validity.valid;
    input.setAttribute("aria-invalid", String(bad));
    note.textContent = bad ? `From ${low} to ${high}${whole ? ", whole" : ""}.` : hint;
    if (!bad) set(name, input.value === "" ? null : input.valueAsNumber);
  });
  const note = el("span", { class: "hint", id: `hint-${name}`, "aria-live": "polite" }, hint);
  return el("div", { class: "number" }, el("label", { for: input.id }, label), input, note);
}

function themeField() {
  const choice = (value, label) => {
    const input = el("input", { type: "radio", name: "theme", value, onchange: () => setTheme(value) });
    input.checked = theme() === value;
    return el("label", {}, input, label);
  };
  return el("fieldset", { class: "theme" }, el("legend", {}, "Colours"),
    choice("auto", "Auto"), choice("light", "Light"), choice("dark", "Dark"));
}

function keyField(newKey) {
  const says = el("p", { class: "hint" }, hasKey()
    ? "This tab has a key. It is forgotten when the tab closes."
    : "Only for servers that ask for one. It stays in this tab and is forgotten when the tab closes.");
  const form = keyForm((key) => {
    setKey(key);
    newKey();
    says.textContent = "This tab has a key now.";
    form.querySelector("input").value = "";
  });
  const forget = () => (setKey(""), newKey(), (says.textContent = "Forgotten."));
  return el("fieldset", {}, el("legend", {}, "API key"), says, form,
    hasKey() ? el("button", { type: "button", class: "small", onclick: forget }, "Forget it") : null);
}
