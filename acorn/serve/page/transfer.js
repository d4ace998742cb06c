// Conversations to files and back.

import { kept, path, readChat, save, search } from "./chats.js";
import { download, newId, toast } from "./dom.js";

const FORMAT = "acorn-conversations";
const LARGEST = 64 << 20; // bytes of a file

const today = () => new Date().toISOString().slice(0, 10);

export function exportAll() {
  const all = search("");
  if (!all.length) return toast("There is nothing to export yet.");
  const text = JSON.stringify({ format: FORMAT, version: 1, conversations: all }, null, 1);
  download(`acorn-${today()}.json`, text, "application/json");
}

export function exportMarkdown(chat) {
  const parts = path(chat).map((node) => `## ${node.role === "user" ? "You" : node.model}\n\n${node.text.trim()}\n`);
  download(`${fileName(chat.title)}.md`, `# ${chat.title}\n\n${parts.join("\n")}`, "text/markdown");
}

const fileName = (title) => title.replace(/[^\p{L}\p{N} _-]+/gu, "").trim().slice(0, 60) || "conversation";

/** -> sentence about what happened */
export async function importFile(file) {
  if (file.size > LARGEST) return "The file is larger than 64 MB.";
  let data;
  try {
    data = JSON.parse(await file.text());
  } catch {
    return "This file is not JSON.";
  }
  const given = data?.format === FORMAT && Array.isArray(data.conversations) ? data.conversations : null;
  if (!given) return "This file holds no conversations of acorn.";
  let [taken, same] = [0, 0];
  for (const raw of given) {
    const chat = readChat(raw);
    if (!chat) continue;
    const mine = kept.get(chat.id);
    if (mine && JSON.stringify(readChat(mine)) === JSON.stringify(chat)) {
      same += 1;
      continue;
    }
    if (mine) chat.id = newId();
    if (!save(chat)) {
      kept.delete(chat.id);
      return `Took ${taken} of ${given.length}: this browser has no room for more.`;
    }
    taken += 1;
  }
  const bad = given.length - taken - same;
  return [
    `Imported ${taken} ${taken === 1 ? "conversation" : "conversations"}.`,
    same ? `${same} ${same === 1 ? "was" : "were"} here already.` : "",
    bad ? `${bad} could not be read.` : "",
  ]
    .filter(Boolean)
    .join(" ");
}
