// One answer: asked for, written down as it comes, stopped, and what became of it. Answers go on while another
// conversation is looked at.

import { Trouble, countTokens, generate } from "./api.js";
import { path, save } from "./chats.js";

const SAVE_EVERY = 500; // milliseconds

/** message id -> {chat, node, abort} of the answers under way */
export const live = new Map();

export const liveIn = (chat) => [...live.values()].find((one) => one.chat === chat);

/** A model that was taught to chat gets the conversation; any other gets the last text to go on from. */
function request(chat, node, card) {
  const { system, ...sampling } = chat.options;
  const said = path(chat);
  const before = said.slice(0, said.findIndex((one) => one.id === node.id));
  const body = { model: node.model, ...sampling };
  if (card && card.meta?.chat === false) {
    const prompt = before.at(-1).text;
    return ["/v1/completions", { max_tokens: 256, ...body, prompt }];
  }
  const messages = before.map(({ role, text }) => ({ role, content: text }));
  if (system.trim()) messages.unshift({ role: "system", content: system });
  return ["/v1/chat/completions", { ...body, messages }];
}

/**
 * Fills node.text. onChange(node) after each piece and at the end; onFull() when the browser has no room to keep it.
 * What goes wrong is left in node.trouble.
 */
export async function answer(chat, node, card, onChange, onFull) {
  const abort = new AbortController();
  live.set(node.id, { chat, node, abort });
  Object.assign(node, { text: "", finish: "open", stats: null });
  delete node.trouble;
  const [route, body] = request(chat, node, card);
  const begin = performance.now();
  let [first, last, saved] = [0, 0, begin];
  let usage = null;
  const keep = () => save(chat) || onFull();
  keep();
  onChange(node);
  try {
    for await (const piece of generate(route, body, abort.signal)) {
      const now = performance.now();
      if (piece.text) {
        first ||= now;
        last = now;
        node.text += piece.text;
        if (now - saved > SAVE_EVERY) {
          keep();
          saved = now;
        }
        onChange(node);
      }
      if (piece.finish) node.finish = piece.finish;
      if (piece.usage) usage = piece.usage;
    }
  } catch (error) {
    if (!abort.signal.aborted) {
      await new Promise((wake) => setTimeout(wake, 300)); // a page that is being left loses its connection, and is no fault
      const known = error instanceof Trouble ? error : new Trouble("failed", `The page failed: ${error.message}.`);
      node.trouble = { kind: known.kind, text: known.message, wait: known.wait };
    }
    node.finish = "stopped";
  }
  live.delete(node.id);
  if (node.finish === "open") node.finish = "stop";
  if (first) node.stats = { first: (first - begin) / 1000, seconds: (last - first) / 1000 };
  if (first && usage) Object.assign(node.stats, { tokens: usage.completion_tokens, prompt: usage.prompt_tokens });
  chat.updated = Date.now();
  keep();
  onChange(node);
  if (first && !usage) countLater(node, keep, onChange);
}

/** A stopped answer comes without figures. */
async function countLater(node, keep, onChange) {
  try {
    node.stats.tokens = await countTokens(node.model, node.text);
  } catch {
    return; // without the server, without the figure
  }
  keep();
  onChange(node);
}

export function stop(chat) {
  const one = liveIn(chat);
  one?.abort.abort();
  return Boolean(one);
}

/** The page goes away: what has come so far stays. */
export function saveAll() {
  for (const { chat } of live.values()) save(chat);
}
