// Conversations: trees of messages, each kept in localStorage under its own key. What comes from a file or from storage
// is read field by field; what is not as expected is left out.

import { newId } from "./dom.js";

const PREFIX = "acorn.chat.";
const MOST_NODES = 20_000;
const LONGEST = 1 << 20; // characters of a message

/** name -> [lowest, highest, whole numbers only] */
export const SAMPLING = {
  temperature: [0, 2, false],
  top_p: [0.01, 1, false],
  top_k: [0, 1_000_000, true],
  min_p: [0, 1, false],
  repetition_penalty: [0.1, 10, false],
  max_tokens: [1, 1_000_000, true],
  seed: [0, Number.MAX_SAFE_INTEGER, true],
};

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value, most) => (typeof value === "string" ? value.slice(0, most) : "");
const number = (value, low, high) => (Number.isFinite(value) && value >= low && value <= high ? value : null);
const isId = (value) => typeof value === "string" && /^[\w-]{1,40}$/.test(value);
const time = (value) => number(value, 0, 1e14) ?? Date.now();

export function readOptions(raw) {
  const given = isObject(raw) ? raw : {};
  const read = { system: text(given.system, LONGEST) };
  for (const [name, [low, high, whole]] of Object.entries(SAMPLING)) {
    const value = number(given[name], low, high);
    if (value !== null && (!whole || Number.isInteger(value))) read[name] = value;
  }
  return read;
}

function readStats(raw) {
  if (!isObject(raw)) return null;
  const stats = {};
  for (const name of ["prompt", "tokens", "seconds", "first"]) {
    const value = number(raw[name], 0, 1e9);
    if (value !== null) stats[name] = value;
  }
  return stats;
}

function readNode(raw, known) {
  if (!isObject(raw) || !isId(raw.id) || known.has(raw.id)) return null;
  if (raw.role !== "user" && raw.role !== "assistant") return null;
  if (typeof raw.text !== "string" || (raw.parent !== null && !known.has(raw.parent))) return null;
  const node = { id: raw.id, parent: raw.parent, role: raw.role, text: text(raw.text, LONGEST) };
  if (raw.role === "assistant") {
    node.model = text(raw.model, 256);
    node.stats = readStats(raw.stats);
    node.finish = ["stop", "length", "stopped", "open"].includes(raw.finish) ? raw.finish : "stopped";
    if (isObject(raw.trouble)) node.trouble = { kind: text(raw.trouble.kind, 20), text: text(raw.trouble.text, 1000) };
  }
  return node;
}

/** -> a conversation, or null if this is none. A message's parent stands before it, so there are no circles. */
export function readChat(raw) {
  if (!isObject(raw) || !Array.isArray(raw.nodes) || raw.nodes.length > MOST_NODES) return null;
  const known = new Map();
  for (const given of raw.nodes) {
    const node = readNode(given, known);
    if (node) known.set(node.id, node);
  }
  if (!known.size) return null;
  return {
    id: isId(raw.id) ? raw.id : newId(),
    title: text(raw.title, 200) || "Untitled",
    created: time(raw.created),
    updated: time(raw.updated),
    model: text(raw.model, 256),
    options: readOptions(raw.options),
    nodes: [...known.values()],
    leaf: known.has(raw.leaf) ? raw.leaf : [...known.keys()].at(-1),
  };
}

export function newChat(model, options) {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, model, options: { ...options }, nodes: [], leaf: null };
}

const find = (chat, id) => chat.nodes.find((node) => node.id === id);

/** From the first message to the newest of the branch that is shown. */
export function path(chat) {
  const byId = new Map(chat.nodes.map((node) => [node.id, node]));
  const found = [];
  for (let node = byId.get(chat.leaf); node; node = byId.get(node.parent)) found.push(node);
  return found.reverse();
}

export const siblings = (chat, node) =>
  chat.nodes.filter((other) => other.parent === node.parent && other.role === node.role);

export function add(chat, parent, node) {
  const made = { id: newId(), parent, ...node };
  chat.nodes.push(made);
  chat.leaf = made.id;
  if (!chat.title && made.role === "user") chat.title = firstLine(made.text);
  return made;
}

/** Show the branch through this message, down to what was newest there. */
export function choose(chat, node) {
  let last = node;
  for (const next of chat.nodes) if (next.parent === last.id) last = next;
  chat.leaf = last.id;
}

export const parentOf = (chat, node) => find(chat, node.parent);

function firstLine(words) {
  const line = words.trim().split("\n", 1)[0];
  return line.length > 60 ? `${line.slice(0, 59).trimEnd()}…` : line;
}

// --- kept ------------------------------------------------------------------------------------------------------------

/** All conversations of this browser, by id. */
export const kept = new Map();

export function loadAll() {
  kept.clear();
  for (let i = 0; i < localStorage.length; i++) {
    const name = localStorage.key(i);
    if (name.startsWith(PREFIX)) reload(name);
  }
}

/** Another tab has written it, or removed it. -> its id, or null if it is no conversation's key */
export function reload(name) {
  if (!name?.startsWith(PREFIX)) return null;
  const id = name.slice(PREFIX.length);
  let chat = null;
  try {
    chat = readChat(JSON.parse(localStorage.getItem(name)));
  } catch {
    // not JSON: not ours
  }
  if (chat?.id === id) kept.set(id, chat);
  else kept.delete(id);
  return id;
}

const removed = new WeakSet(); // an answer that still ends must not bring its conversation back

/** -> whether there was room */
export function save(chat) {
  if (removed.has(chat)) return true;
  kept.set(chat.id, chat);
  try {
    localStorage.setItem(PREFIX + chat.id, JSON.stringify(chat));
    return true;
  } catch {
    return false;
  }
}

export function remove(chat) {
  removed.add(chat);
  kept.delete(chat.id);
  localStorage.removeItem(PREFIX + chat.id);
}

/** Take a removal back. */
export function restore(chat) {
  removed.delete(chat);
  return save(chat);
}

/** Newest first; those that hold every word of `words` in their title or in a message. */
export function search(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (chat) => {
    const all = [chat.title, ...chat.nodes.map((node) => node.text)].join("\n").toLowerCase();
    return wanted.every((word) => all.includes(word));
  };
  const found = [...kept.values()].filter((chat) => !wanted.length || holds(chat));
  return found.sort((a, b) => b.updated - a.updated);
}
