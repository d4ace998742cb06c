// The list of conversations: search, open, rename, delete.

import { stop } from "./answer.js";
import { remove, restore, search } from "./chats.js";
import { $, el, iconButton, toast } from "./dom.js";
import { keep } from "./talk.js";
import { exportMarkdown } from "./transfer.js";

const MOST = 300; // lines; older ones are found by searching

export class Sidebar {
  /** on: {open(chat), gone(chat), changed(chat)} of the app */
  constructor(on) {
    this.on = on;
    this.current = null;
    $("search").addEventListener("input", () => this.draw());
    $("chats").addEventListener("keydown", (event) => this.arrows(event));
  }

  draw(current = this.current) {
    this.current = current;
    const words = $("search").value;
    const found = search(words);
    $("chats").replaceChildren(...found.slice(0, MOST).map((chat) => this.line(chat)));
    const more = found.length - MOST;
    $("none").hidden = found.length > 0 && more <= 0;
    $("none").textContent = more > 0 ? `${more} older ones: search for them.` : words ? "Nothing found." : "Nothing yet.";
  }

  line(chat) {
    const here = chat === this.current;
    const open = el(
      "button",
      { type: "button", class: "open", "aria-current": here ? "true" : null, onclick: () => this.on.open(chat) },
      chat.title,
    );
    const more = iconButton("more", `More for ${chat.title}`, () => this.menu(chat, line), { "aria-expanded": "false" });
    const line = el("li", { class: here ? "here" : "" }, open, more);
    return line;
  }

  menu(chat, line) {
    const button = line.querySelector(".icon");
    const before = line.querySelector(".menu");
    button.setAttribute("aria-expanded", String(!before));
    if (before) return before.remove();
    const item = (label, act) => el("button", { type: "button", class: "small", onclick: act }, label);
    const menu = el(
      "div",
      { class: "menu", role: "group", "aria-label": `For ${chat.title}` },
      item("Rename", () => this.rename(chat, line)),
      item("Save as .md", () => exportMarkdown(chat)),
      item("Delete", () => this.drop(chat)),
    );
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.menu(chat, line);
      button.focus();
    });
    line.append(menu);
    menu.querySelector("button").focus();
  }

  rename(chat, line) {
    const input = el("input", { class: "rename", "aria-label": "Title", value: chat.title, maxlength: "200" });
    let open = true;
    const end = (take) => {
      if (!open) return;
      open = false;
      const title = input.value.trim();
      if (take && title && title !== chat.title) {
        chat.title = title;
        keep(chat);
        this.on.changed(chat);
      }
      this.draw();
      this.focus(chat);
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) (event.preventDefault(), end(true)); // or the line it focuses is opened
      if (event.key === "Escape") (event.stopPropagation(), end(false));
    });
    input.addEventListener("blur", () => end(true));
    line.replaceChildren(input);
    input.select();
  }

  focus(chat) {
    const at = search($("search").value).indexOf(chat);
    $("chats").children[at]?.querySelector(".open").focus();
  }

  drop(chat) {
    stop(chat);
    remove(chat);
    this.on.gone(chat);
    this.draw();
    $("new").focus();
    toast(`Deleted “${chat.title}”.`, "Undo", () => {
      restore(chat);
      this.draw();
    });
  }

  arrows(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches(".open")) return;
    const all = [...$("chats").querySelectorAll(".open")];
    all[all.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  }
}
