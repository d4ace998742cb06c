// Models that write files often answer with nothing but the file, and as Markdown its indentation and comments would be
// lost. Text that has the shape of code is shown as code.

const CODE_LINE = /[{}()[\];,\\]$|^\s{2,}\S|^[\w.-]+\s*[:=](\s|$)|^[A-Z]{2,}\s\S|^[})\]<]|^(#|\/\/)|^---$/;
const LIST_ITEM = /^\s*([-*+]|\d+[.)])\s/; // in YAML and in Markdown alike, so it says nothing
const FENCE = /^ {0,3}(```|~~~)/m;

const LANGUAGES = [
  ["json", /^[{[]\s*($|["{[\]}\d])/],
  ["tf", /^[a-z_]+( "[^"]*")* \{$/],
  ["docker", /^[A-Z]{3,} \S/],
  ["yaml", /^(---|[\w.-]+:( |$))/],
  ["python", /^(def|class|import|from|@)\b/],
  ["html", /^<[!a-z]/],
];

/** Is it a file, rather than words? */
export function isCode(text) {
  if (FENCE.test(text)) return false;
  const lines = text.split("\n").filter((line) => line.trim() && !LIST_ITEM.test(line));
  const like = lines.filter((line) => CODE_LINE.test(line)).length;
  return like >= 2 && like / lines.length >= 0.75;
}

/** Text -> the Markdown to render */
export function asMarkdown(text) {
  if (!isCode(text)) return text;
  const first = text.split("\n").find((line) => line.trim() && !/^(#|\/\/)/.test(line)) ?? "";
  const language = LANGUAGES.find(([, begins]) => begins.test(first.trimEnd()))?.[0] ?? "";
  let longest = 2;
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text.replace(/\n+$/, "")}\n${fence}`;
}
