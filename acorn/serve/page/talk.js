// The conversation that is shown: sending, branches, and keeping the view at the newest words.

import { answer, live, liveIn, stop } from "./answer.js";
import { setKey } from "./api.js";
import { add, choose, parentOf, path, save } from "./chats.js";
import { $, announce, toast } from "./dom.js";
import { MessageView } from "./message.js";

const scroll = $("scroll");
const list = $("talk");

export class Talk {
  /** on: {changed(chat), card(name), model(), edit(node), reconnect(), gone()} of the app */
  constructor(on) {
    this.on = on;
    this.chat = null;
    this.views = new Map();
    this.sticky = true; // the newest words stay in sight until somebody scrolls up
    this.top = 0; // where it was scrolled to
    this.acts = {
      regenerate: (node) => this.begin(parentOf(this.chat, node)),
      retry: (node) => (node.text ? this.begin(parentOf(this.chat, node)) : this.run(this.chat, node)),
      edit: (node) => this.on.edit(node),
      choose: (node, name) => this.turnTo(node, name),
      setKey: (key) => (setKey(key), this.on.reconnect()),
    };
    scroll.addEventListener("scroll", () => this.noteScroll(), { passive: true });
    $("down").addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.sticky && this.toEnd()).observe(list);
  }

  show(chat) {
    if (this.chat !== chat) {
      this.views.clear();
      list.replaceChildren();
      this.chat = chat;
    }
    this.draw();
    this.toEnd();
  }

  /** Make the page hold the branch that is chosen: what both share stays as it is. */
  draw() {
    const nodes = path(this.chat);
    const wanted = new Set(nodes.map((node) => node.id));
    for (const [id, view] of this.views) {
      if (wanted.has(id)) continue;
      view.root.remove();
      this.views.delete(id);
    }
    for (const node of nodes) {
      let view = this.views.get(node.id);
      if (!view) {
        view = new MessageView(this.chat, node, this.acts);
        this.views.set(node.id, view);
        list.append(view.root);
      }
    }
    $("welcome").hidden = nodes.length > 0;
  }

  /** Something said by the person: after the last message, or beside the message that it replaces. */
  send(text, instead = null) {
    if (liveIn(this.chat)) return false;
    const parent = instead ? instead.parent : this.chat.leaf;
    const node = add(this.chat, parent, { role: "user", text });
    this.begin(node);
    if (instead) this.redrawBar(node);
    return true;
  }

  /** A new answer to this message of the person. */
  begin(question) {
    if (liveIn(this.chat)) return;
    const model = this.on.model();
    const node = add(this.chat, question.id, { role: "assistant", text: "", model, finish: "open", stats: null });
    this.chat.model = model;
    this.run(this.chat, node);
  }

  async run(chat, node) {
    if (live.has(node.id)) return;
    chat.updated = Date.now();
    this.sticky = true;
    const ended = answer(chat, node, this.on.card(node.model), (changed) => this.grow(chat, changed), noRoom);
    if (this.chat === chat) {
      this.draw();
      this.toEnd();
    }
    announce("Answering.");
    this.on.changed(chat);
    await ended;
    announce(node.trouble ? node.trouble.text : `Answer: ${node.text.slice(0, 2000)}`);
    if (node.trouble?.kind === "gone") this.on.gone();
    this.on.changed(chat);
  }

  /** Many pieces can come between two pictures of the screen; they are drawn together. */
  grow(chat, node) {
    if (this.chat !== chat) return;
    if (!live.has(node.id)) return this.views.get(node.id)?.update();
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (live.has(node.id)) this.views.get(node.id)?.update();
    });
  }

  stop() {
    return this.chat !== null && stop(this.chat);
  }

  turnTo(node, arrow) {
    if (liveIn(this.chat)) return;
    choose(this.chat, node);
    keep(this.chat);
    this.sticky = false;
    this.draw();
    this.noteScroll();
    const label = arrow === "left" ? "The version before" : "The next version";
    const bar = this.views.get(node.id).bar;
    const same = bar.querySelector(`[aria-label="${label}"]:not(:disabled)`);
    (same ?? bar.querySelector("button:not(:disabled)")).focus();
  }

  redrawBar(node) {
    this.views.get(node.id)?.drawBar();
  }

  noteScroll() {
    const below = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight;
    if (below < 60) this.sticky = true;
    else if (scroll.scrollTop < this.top) this.sticky = false; // up, and not because the text grew
    this.top = scroll.scrollTop;
    $("down").hidden = below < 200;
  }

  toEnd() {
    this.sticky = true;
    scroll.scrollTop = scroll.scrollHeight;
    $("down").hidden = true;
  }
}

export const noRoom = () =>
  toast("This browser has no room left to keep conversations. Export them, then delete some.");

export const keep = (chat) => save(chat) || noRoom();
