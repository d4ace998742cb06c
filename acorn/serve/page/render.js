// Markdown on the page. The server renders and sanitises it; this is the only place where HTML goes into the page.

import { render } from "./api.js";
import { copyButton, el } from "./dom.js";
import { asMarkdown } from "./shape.js";

const MOST = 250_000; // characters; longer text stays plain
const PAUSE = 90; // milliseconds between two renderings of a text that grows
const MEMORY = 400; // texts whose blocks are remembered

const memory = new Map();

async function blocksOf(text) {
  const blocks = await render(asMarkdown(text));
  if (memory.size >= MEMORY) memory.delete(memory.keys().next().value);
  memory.set(text, blocks);
  return blocks;
}

/** A text shown in `element`: plain at first, then as blocks, of which only those that changed are touched. */
export class Markdown {
  constructor(element) {
    this.element = element;
    this.text = "";
    this.shown = null; // the text that the blocks are of
    this.blocks = [];
    this.running = false;
  }

  show(text) {
    this.text = text;
    const known = memory.get(text);
    if (known) return this.put(text, known);
    if (this.shown === null || !text.startsWith(this.shown)) this.plain();
    if (text && text.length <= MOST) this.run();
  }

  plain() {
    this.shown = null;
    this.blocks = [];
    this.element.classList.add("plain");
    this.element.textContent = this.text;
  }

  async run() {
    if (this.running) return;
    this.running = true;
    while (this.text && this.text !== this.shown && this.text.length <= MOST) {
      const text = this.text;
      const begin = performance.now();
      try {
        const blocks = await blocksOf(text);
        if (this.text.startsWith(text)) this.put(text, blocks);
      } catch {
        if (this.text !== this.shown) this.plain(); // the sentence about it stands elsewhere; the words are not lost
        break;
      }
      const spent = performance.now() - begin;
      await new Promise((wake) => setTimeout(wake, Math.max(PAUSE, 2 * spent)));
    }
    this.running = false;
  }

  put(text, blocks) {
    if (this.shown === null) this.element.replaceChildren();
    this.element.classList.remove("plain");
    this.shown = text;
    blocks.forEach((html, i) => {
      if (this.blocks[i] === html) return;
      const fresh = makeBlock(html);
      const old = this.element.children[i];
      if (!old) this.element.append(fresh);
      else if (!growCode(old, fresh)) old.replaceWith(fresh);
    });
    while (this.element.children.length > blocks.length) this.element.lastElementChild.remove();
    this.blocks = blocks;
  }
}

/** The HTML of one block, from the server's sanitiser -> an element */
function makeBlock(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const link of template.content.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.title ||= link.href;
  }
  for (const table of template.content.querySelectorAll("table")) {
    const frame = el("div", { class: "wide-table", tabindex: "0", role: "region", "aria-label": "Table" });
    table.replaceWith(frame);
    frame.append(table);
  }
  for (const pre of template.content.querySelectorAll("pre")) frameCode(pre);
  return template.content.firstElementChild ?? el("div");
}

function frameCode(pre) {
  const code = pre.querySelector("code") ?? pre;
  const language = /(?:^|\s)language-(\S+)/.exec(code.className)?.[1] ?? "";
  const frame = el("div", { class: "code" });
  pre.replaceWith(frame);
  pre.tabIndex = 0; // so that the keyboard can scroll it
  const read = () => frame.querySelector("pre").textContent.replace(/\n$/, "");
  const label = language ? `Copy the ${language} code` : "Copy the code";
  frame.append(el("div", { class: "code-head" }, el("span", {}, language || "text"), copyButton(read, label)), pre);
}

/** Code that grows keeps its frame, its button and where it was scrolled to. */
function growCode(old, fresh) {
  if (!old.matches(".code") || !fresh.matches(".code")) return false;
  const [before, after] = [old.querySelector("pre"), fresh.querySelector("pre")];
  old.querySelector(".code-head span").textContent = fresh.querySelector(".code-head span").textContent;
  before.replaceChildren(...after.childNodes);
  return true;
}
