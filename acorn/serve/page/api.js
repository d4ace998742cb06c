// The server's words: requests to it, and its errors as sentences.

const KEY = "acorn.key"; // in this tab's memory only, gone when it closes

let key = sessionStorage.getItem(KEY) ?? "";

export function setKey(value) {
  key = value.trim();
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

export const hasKey = () => key !== "";

/** kind: gone (no server), key (401), busy (429), cut (ended early), refused (what was asked is wrong), failed. */
export class Trouble extends Error {
  constructor(kind, text, wait = 0) {
    super(text);
    this.kind = kind;
    this.wait = wait; // seconds after which to try again
  }
}

const GONE = "The server does not answer. It may have been stopped; what was said so far is kept here.";

async function call(path, body, signal) {
  const headers = body ? { "content-type": "application/json" } : {};
  if (key) headers.authorization = `Bearer ${key}`;
  let reply;
  try {
    reply = await fetch(path, {
      method: body ? "POST" : "GET",
      body: body && JSON.stringify(body),
      headers,
      signal,
      cache: "no-store",
      credentials: "omit",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble("gone", GONE);
  }
  if (!reply.ok) throw await refusal(reply);
  return reply;
}

async function refusal(reply) {
  const said = await reply.json().catch(() => null);
  const text = sentence(said?.error?.message ?? `the server answered ${reply.status}`);
  if (reply.status === 401) {
    return new Trouble("key", key ? "The server does not know this API key." : "This server asks for its API key.");
  }
  if (reply.status === 429) {
    const wait = Number.parseInt(reply.headers.get("retry-after") ?? "", 10);
    return new Trouble("busy", "The server is busy.", Math.min(Math.max(wait || 5, 1), 600));
  }
  return new Trouble(reply.status >= 500 ? "failed" : "refused", text);
}

function sentence(text) {
  const whole = String(text).slice(0, 1000);
  const begun = whole.charAt(0).toUpperCase() + whole.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

async function json(path, body, signal) {
  const reply = await call(path, body, signal);
  try {
    return await reply.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble("gone", GONE);
  }
}

export async function models() {
  return (await json("/v1/models")).data;
}

export async function render(text) {
  return (await json("/render", { text })).blocks;
}

export async function countTokens(model, text) {
  return (await json("/tokenize", { model, content: text })).count;
}

/** The pieces of an answer: {text} as it comes, then {finish}, then {usage}. */
export async function* generate(path, body, signal) {
  const reply = await call(path, { ...body, stream: true, stream_options: { include_usage: true } }, signal);
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let done = false;
  try {
    while (!done) {
      const { value, done: ended } = await reader.read();
      if (ended) break;
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) {
        if (!event.startsWith("data: ")) continue; // a comment: the server is still there
        if (event === "data: [DONE]") {
          done = true;
          break;
        }
        yield* pieces(JSON.parse(event.slice(6)));
      }
    }
  } catch (error) {
    if (signal.aborted || error instanceof Trouble) throw error;
    throw new Trouble("cut", "The connection was lost before the answer was whole.");
  } finally {
    reader.cancel().catch(() => {}); // nothing more is wanted; it may have ended already
  }
  if (!done) throw new Trouble("cut", "The connection ended before the answer was whole.");
}

function* pieces(chunk) {
  if (chunk.error) throw new Trouble("failed", sentence(chunk.error.message));
  for (const choice of chunk.choices) {
    const text = choice.delta?.content ?? choice.text;
    if (text) yield { text };
    if (choice.finish_reason) yield { finish: choice.finish_reason };
  }
  if (chunk.usage) yield { usage: chunk.usage };
}
