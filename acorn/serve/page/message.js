// How one message looks, and what can be done with it.

import { live } from "./answer.js";
import { siblings } from "./chats.js";
import { copyButton, el, iconButton } from "./dom.js";
import { Markdown } from "./render.js";

// Answers are rendered when they come near the window: of a long conversation, most are never looked at.
const near = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      target.appear();
    }
  },
  { rootMargin: "1200px" },
);

/** acts: {regenerate, retry, edit, choose, setKey} of the talk */
export class MessageView {
  constructor(chat, node, acts) {
    Object.assign(this, { chat, node, acts });
    this.body = el("div", { class: "body" });
    this.note = el("div", { class: "note" });
    this.bar = el("div", { class: "bar" });
    const who = node.role === "user" ? "You" : node.model || "Answer";
    const head = el("h2", { class: node.role === "user" ? "unseen" : "who" }, who);
    this.root = el("article", { class: `message ${node.role}` }, head, this.body, this.note, this.bar);
    if (node.role === "user") {
      this.body.textContent = node.text;
      this.body.classList.add("plain");
      this.drawBar();
    } else {
      this.markdown = new Markdown(this.body);
      if (live.has(node.id)) this.update();
      else {
        this.body.textContent = node.text;
        this.body.classList.add("plain");
        this.root.appear = () => this.markdown.show(node.text);
        near.observe(this.root);
        this.drawEnd();
      }
    }
  }

  /** Its answer has grown, or ended. */
  update() {
    const going = live.has(this.node.id);
    this.root.classList.toggle("going", going);
    this.root.classList.toggle("waiting", going && !this.node.text);
    this.root.setAttribute("aria-busy", String(going));
    this.markdown.show(this.node.text);
    if (going) {
      this.note.replaceChildren();
      this.bar.replaceChildren();
    } else this.drawEnd();
  }

  drawEnd() {
    this.drawNote();
    this.drawBar();
  }

  drawBar() {
    const { chat, node, acts } = this;
    const all = siblings(chat, node);
    const at = all.indexOf(node);
    const parts = [];
    if (all.length > 1) {
      const step = (to, name, label) =>
        iconButton(name, label, () => acts.choose(all[to], name), { disabled: to < 0 || to >= all.length });
      const count = el("span", { class: "count" }, `${at + 1} / ${all.length}`);
      parts.push(step(at - 1, "left", "The version before"), count, step(at + 1, "right", "The next version"));
    }
    if (node.text) parts.push(copyButton(() => node.text, "Copy this message"));
    if (node.role === "user") parts.push(iconButton("edit", "Edit this message", () => acts.edit(node)));
    else parts.push(iconButton("again", "Another answer", () => acts.regenerate(node)));
    const figures = node.role === "assistant" ? figuresOf(node) : "";
    if (figures) parts.push(el("span", { class: "figures" }, figures));
    this.bar.replaceChildren(...parts);
  }

  drawNote() {
    clearInterval(this.timer);
    const { node, acts } = this;
    const parts = [];
    const trouble = node.trouble;
    if (trouble) {
      const words = el("p", { role: "alert" }, trouble.text);
      const again = () => (clearInterval(this.timer), acts.retry(node));
      parts.push(words);
      if (trouble.kind === "key") parts.push(keyForm((key) => (acts.setKey(key), again())));
      else parts.push(el("button", { type: "button", class: "small", onclick: again }, "Try again"));
      if (trouble.wait) this.countDown(trouble, words, parts, again);
    } else if (node.finish === "stopped") parts.push(el("p", {}, "Stopped here."));
    else if (node.finish === "open") parts.push(el("p", {}, "Not finished: the page was closed or loaded again."));
    else if (node.finish === "length") parts.push(el("p", {}, "Cut off: the limit of tokens was reached."));
    else if (!node.text) parts.push(el("p", {}, "The model said nothing."));
    this.note.classList.toggle("trouble", Boolean(trouble));
    this.note.replaceChildren(...parts);
  }

  /** The server said when to come back. */
  countDown(trouble, words, parts, again) {
    const end = Date.now() + trouble.wait * 1000;
    delete trouble.wait; // waited for once, not again after a reload
    const rest = el("span", { "aria-hidden": "true" });
    const cancel = () => (clearInterval(this.timer), rest.remove(), quit.remove());
    const quit = el("button", { type: "button", class: "small", onclick: cancel }, "Do not wait");
    words.append(" ", rest);
    parts.push(quit);
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      if (left <= 0) return again();
      rest.textContent = `Trying again in ${left} s.`;
    };
    tick();
    this.timer = setInterval(() => (this.root.isConnected ? tick() : clearInterval(this.timer)), 250);
  }
}

export function keyForm(use) {
  const input = el("input", { type: "password", "aria-label": "API key", placeholder: "API key", autocomplete: "off" });
  const submit = (event) => {
    event.preventDefault();
    const key = input.value.trim();
    if (/^[\x21-\x7e]+$/.test(key)) return use(key);
    input.setCustomValidity("A key is made of letters, digits and signs, without spaces.");
    input.reportValidity();
  };
  input.addEventListener("input", () => input.setCustomValidity(""));
  return el("form", { class: "key", onsubmit: submit }, input, el("button", { class: "small" }, "Use this key"));
}

function figuresOf({ stats }) {
  if (!stats) return "";
  const parts = [];
  if (stats.tokens !== undefined) parts.push(`${stats.tokens.toLocaleString("en")} tokens`);
  if (stats.tokens > 1 && stats.seconds > 0) parts.push(`${rate((stats.tokens - 1) / stats.seconds)} tokens/s`);
  if (stats.first !== undefined) parts.push(`first after ${stats.first.toFixed(2)} s`);
  if (stats.prompt !== undefined) parts.push(`prompt ${stats.prompt.toLocaleString("en")}`);
  return parts.join(" · ");
}

const rate = (value) => (value >= 100 ? Math.round(value).toLocaleString("en") : value.toFixed(1));
