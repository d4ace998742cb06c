// Elements, made without markup: text given here stays text.

const ICONS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  gear: "M4 7h9M19 7h1M4 17h3M13 17h7M16 4.500a2.500 2.500 0 1 0 .01 0M10 14.500a2.500 2.500 0 1 0 .01 0",
  copy: "M9 9h10v11H9zM5 15V4h10",
  done: "M5 13l4 4L19 7",
  again: "M19 12a7 7 0 1 1-2-5M19 3v5h-5",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  left: "M14 6l-6 6 6 6",
  right: "M10 6l6 6-6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  close: "M6 6l12 12M18 6L6 18",
};

export const $ = (id) => document.getElementById(id);

/** el("button", {class, "aria-label", onclick, ...}, ...children): strings among the children become text. */
export function el(name, given = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value") made.value = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only a picture; `label` is what it is called. */
export function iconButton(name, label, onclick, more = {}) {
  return el("button", { type: "button", class: "icon", "aria-label": label, title: label, onclick, ...more }, icon(name));
}

/** Said to those who listen rather than look. */
export function announce(text) {
  $("said").textContent = text;
}

/** A sentence that goes away by itself, with one thing to do about it. */
export function toast(text, action = null, act = null) {
  const line = el("div", { class: "toast" }, el("span", {}, text));
  const away = () => line.remove();
  if (action) line.append(el("button", { type: "button", class: "small", onclick: () => (act(), away()) }, action));
  $("toasts").replaceChildren(line);
  setTimeout(away, action ? 10_000 : 5_000);
}

/** Pages that did not come over https or from this machine have no navigator.clipboard. */
export async function copy(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // refused: the older way may still be open
    }
  }
  const before = document.activeElement;
  const area = el("textarea", { class: "unseen", "aria-hidden": "true", value: text });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}

/** A copy button; `read` gives the text when it is pressed. */
export function copyButton(read, label) {
  const button = iconButton("copy", label, async () => {
    const done = await copy(read());
    announce(done ? "Copied." : "The browser does not let this page copy.");
    button.replaceChildren(icon(done ? "done" : "close"));
    setTimeout(() => button.replaceChildren(icon("copy")), 1500);
  });
  return button;
}

export function download(name, text, type) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
