// The page: its parts put together, and the keyboard.

import { liveIn, saveAll } from "./answer.js";
import { models, setKey } from "./api.js";
import { kept, loadAll, newChat, path, reload } from "./chats.js";
import { $, announce, icon, toast } from "./dom.js";
import { keyForm } from "./message.js";
import { defaults, openSettings } from "./settings.js";
import { Sidebar } from "./sidebar.js";
import { Talk, keep } from "./talk.js";
import { exportAll, importFile } from "./transfer.js";

const CURRENT = "acorn.current"; // in this tab: which conversation a reload shows again
const DRAFT = "acorn.draft";
const RETRY = 3000; // milliseconds between questions whether the server is back

const ask = $("ask");
const cards = new Map(); // model name -> what /v1/models says of it
let editing = null; // the message that the text in the box replaces
let looking = null; // timer of the next question whether the server is there

const talk = new Talk({
  card: (name) => cards.get(name),
  model: () => $("model").value,
  edit: startEdit,
  reconnect: connect,
  gone: () => connect(),
  changed: (chat) => {
    if (!$("chats").querySelector(".rename, .menu")) side.draw(talk.chat); // not under somebody's hands
    if (chat === talk.chat) showHead();
  },
});

const side = new Sidebar({
  open: (chat) => (open(chat), closeSide(), ask.focus()),
  changed: showHead,
  gone: (chat) => chat === talk.chat && fresh(),
});

// --- conversations ---------------------------------------------------------------------------------------------------

function open(chat) {
  endEdit();
  talk.show(chat);
  pickModel(chat.model);
  sessionStorage.setItem(CURRENT, chat.id);
  side.draw(chat);
  showHead();
}

function fresh() {
  open(newChat($("model").value, defaults()));
}

function showHead() {
  const title = talk.chat.title;
  $("title").textContent = title;
  document.title = title ? `${title} · acorn` : "acorn";
  const going = Boolean(liveIn(talk.chat));
  $("send").replaceChildren(icon(going ? "stop" : "send"));
  $("send").setAttribute("aria-label", going ? "Stop" : "Send");
  $("send").title = going ? "Stop (Esc)" : "Send (Enter)";
  $("composer").classList.toggle("going", going);
  showSend();
}

function showSend() {
  $("send").disabled = !liveIn(talk.chat) && (!ask.value.trim() || !$("model").value);
}

function send() {
  const text = ask.value;
  if (!text.trim() || !$("model").value || !talk.send(text, editing)) return;
  editing = null;
  $("composer").classList.remove("editing");
  setText("");
}

function startEdit(node) {
  if (liveIn(talk.chat)) return;
  editing = node;
  $("composer").classList.add("editing");
  setText(node.text);
  announce("Editing a message. Escape leaves it as it was.");
  ask.focus();
  ask.setSelectionRange(node.text.length, node.text.length);
}

function endEdit() {
  if (!editing) return;
  editing = null;
  $("composer").classList.remove("editing");
  setText("");
}

function setText(text) {
  ask.value = text;
  typed();
}

function typed() {
  ask.style.height = "auto";
  ask.style.height = `${ask.scrollHeight}px`;
  if (!editing) sessionStorage.setItem(DRAFT, ask.value);
  showSend();
}

// --- the server ------------------------------------------------------------------------------------------------------

async function connect() {
  clearTimeout(looking);
  try {
    const found = await models();
    cards.clear();
    for (const card of found) cards.set(card.id, card);
    $("model").replaceChildren(...found.map((card) => new Option(card.id, card.id)));
    pickModel(talk.chat?.model);
    banner(null);
  } catch (error) {
    const gone = "The server does not answer. This page looks for it every few seconds.";
    banner(error.kind === "gone" ? gone : error.message, error.kind === "key" ? keyForm((key) => (setKey(key), connect())) : null);
    if (error.kind !== "key") looking = setTimeout(connect, RETRY);
  }
}

function banner(text, more = null) {
  const box = $("banner");
  const old = box.firstChild?.textContent ?? null;
  box.hidden = text === null;
  if (text === null || text !== old || more) box.replaceChildren(...(text === null ? [] : [text, more ?? ""]));
}

function pickModel(name) {
  if (cards.has(name)) $("model").value = name;
  showModel();
}

function showModel() {
  const card = cards.get($("model").value);
  const meta = card?.meta ?? {};
  const about = [];
  if (meta.n_params) about.push(`${short(meta.n_params)} parameters`);
  if (meta.n_ctx) about.push(`a context of ${meta.n_ctx.toLocaleString("en")} tokens`);
  $("about").textContent = card ? `${card.id}: ${about.join(", ")}` : "";
  ask.placeholder = meta.chat === false ? "Text for the base model to go on from" : `Message ${card?.id ?? ""}`.trim();
  showSend();
}

const short = (n) => Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(n);

// --- the list on a narrow screen -------------------------------------------------------------------------------------

const narrow = matchMedia("(max-width: 800px)");

function showSide(open) {
  document.body.classList.toggle("side-open", open);
  $("menu").setAttribute("aria-expanded", String(open));
  $("shade").hidden = !open;
  $("main").inert = open && narrow.matches;
  $("side").inert = !open && narrow.matches;
}

function closeSide() {
  if (!document.body.classList.contains("side-open")) return;
  showSide(false);
  $("menu").focus();
}

// --- events ----------------------------------------------------------------------------------------------------------

$("menu").append(icon("menu"));
$("settings").append(icon("gear"));
$("down").append(icon("down"));
$("menu").onclick = () => (showSide(true), $("new").focus());
$("shade").onclick = closeSide;
narrow.onchange = () => showSide(false);
$("new").onclick = () => (fresh(), closeSide(), ask.focus());
$("export").onclick = exportAll;
$("import").onclick = () => $("file").click();
$("file").onchange = async (event) => {
  const [file] = event.target.files;
  event.target.value = "";
  if (!file) return;
  toast(await importFile(file));
  side.draw();
};
$("model").onchange = () => {
  talk.chat.model = $("model").value;
  if (talk.chat.nodes.length) keep(talk.chat);
  showModel();
};
$("settings").onclick = () => {
  const { chat } = talk;
  const change = (options) => {
    chat.options = options;
    if (chat.nodes.length) keep(chat);
  };
  openSettings(chat.options, change, connect);
};
$("composer").onsubmit = (event) => {
  event.preventDefault();
  if (liveIn(talk.chat)) talk.stop();
  else send();
};
ask.oninput = typed;
window.onresize = typed;
ask.onkeydown = (event) => {
  if (event.isComposing || event.keyCode === 229) return; // Enter that ends the writing of a character
  if (event.key === "Enter" && !event.shiftKey && !(event.ctrlKey || event.altKey)) {
    event.preventDefault();
    send();
  } else if (event.key === "ArrowUp" && !ask.value && talk.chat) {
    const last = path(talk.chat).findLast((node) => node.role === "user");
    if (!last || liveIn(talk.chat)) return;
    event.preventDefault();
    startEdit(last);
  }
};
document.onkeydown = (event) => {
  if ($("options").open) return;
  if (event.key === "Escape" && !event.isComposing) {
    if (document.body.classList.contains("side-open")) closeSide();
    else if (!talk.stop()) endEdit();
  } else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    $("new").click();
  }
};
window.onpagehide = saveAll;
window.onstorage = (event) => {
  const id = reload(event.key);
  if (id === null) return;
  if (talk.chat.id === id && kept.has(id) && !liveIn(talk.chat) && !editing) {
    open(kept.get(id));
  } else side.draw();
};

loadAll();
showSide(false);
const before = kept.get(sessionStorage.getItem(CURRENT));
if (before) open(before);
else fresh();
connect(); // what was said can be read without the server
setText(sessionStorage.getItem(DRAFT) ?? "");
if (!narrow.matches) ask.focus();
