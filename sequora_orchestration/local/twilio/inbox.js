// The phone inbox: fetches the conversations whenever the server reports something new, and shows them.
// A conversation has texts (`messages`) and calls (`calls`); from both a person can answer.
"use strict";
const $ = id => document.getElementById(id);
const make = (tag, name, ...children) => {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.append(...children);
  return made;
};
// Writing only the differences keeps selections, focus and screen readers undisturbed.
const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };
const plural = (count, noun) => `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;

const STATES = {
  accepted: "◷ Accepted", queued: "◷ Queued", sending: "↗ Sending", sent: "✓ Sent", delivered: "✓✓ Delivered",
  undelivered: "✕ Not delivered", failed: "✕ Failed", received: "answered from this phone",
};
// Of calls; those that are not final stand on top, "ringing" with buttons.
const CALLS = {
  queued: "☎ A call is about to come", initiated: "☎ A call is about to come", ringing: "☎ Incoming call",
  "in-progress": "☎ On the call", completed: "☎ Call answered", busy: "☎ Call declined", "no-answer": "☎ Call not answered",
  failed: "✕ Call failed", canceled: "✕ Call given up",
};
// However a clinic words that line, it has the commands (docs/texts.md).
const LAST_LINE_WITH_COMMANDS = /(?:^|\n)(?=[^\n]*$)\D*?(\d+)A\b[^\n]*?\b\1R\b(?:[^\n]*?(\b\1E)\b)?[^\n]*$/;
const COMMANDS = {A: "accept", R: "resolved", E: "hand over"};
const OPTED_OUT = "This phone has replied STOP: the phone company refuses texts to it (error 21610) until it replies START.";
const narrow = matchMedia("(max-width: 640px)");
const rows = new Map();     // number → its row in the list
const bubbles = new Map();  // SID → its bubble in the open conversation, or its place among the calls under way
const read = new Map();     // number → SID of the last text that was looked at
const drafts = new Map();   // number → what is written there and not sent yet
let conversations = [];
let open = null;            // the number that is shown
let chosen = false;         // whether a person chose it; if not, the newest conversation is shown
let trouble = "";           // why the last answer to a text or a call came to nothing
let sending = false;        // whether a command is on its way: a second press would send it twice
let announced = null;       // the SIDs of texts that a screen reader has been told of, once there are any

function pretty(number) {
  const american = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return american ? `+1 (${american[1]}) ${american[2]}-${american[3]}` : number;
}

const nameOf = ({number, person}) => person ? person.name : pretty(number);

function clock(iso) {
  const at = new Date(iso), today = at.toDateString() === new Date().toDateString();
  const time = at.toLocaleTimeString([], {hour: "2-digit", minute: "2-digit", second: "2-digit"});
  return today ? time : `${at.toLocaleDateString([], {day: "numeric", month: "short"})}, ${time}`;
}

// A text in Arabic, say, begins at the right; a browser sees it by the text's first letter. Its link stays left to right.
function inItsDirection(node) {
  node.dir = "auto";
  return node;
}

function withLinks(body) {
  return body.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)\]}'])/).map((part, index) => {
    if (index % 2 === 0) return part;
    const link = make("a", "", part);
    link.href = part;
    link.dir = "ltr";
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    return link;
  });
}

// Puts the nodes into the parent in this order, and moves only those that are out of place.
function arrange(parent, nodes) {
  const focused = document.activeElement;
  nodes.forEach((node, index) => { if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] || null); });
  while (parent.children.length > nodes.length) parent.lastChild.remove();
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus();
}

const isCall = happening => "said" in happening;
const rings = ({calls}) => calls.some(({status}) => status === "ringing");

const stateOfCall = ({status}) => CALLS[status] || `☎ Call: ${status}`;
// What a call says, as text, as far as the phone has been answered.
const sayings = ({said, status}) => status === "in-progress" || status === "completed" ? said.join("\n") : "";

function preview(last) {
  if (isCall(last)) return stateOfCall(last);
  return (last.inbound ? "You: " : "") + last.body.replace(/\s+/g, " ");
}

function row(conversation) {
  const {number, messages, happened} = conversation, last = happened.at(-1);
  if (!rows.has(number)) {
    const button = make("button", "",
      make("span", "", make("span", "who", make("span"), " ", make("span", "role")), make("span", "when")),
      make("span", "", inItsDirection(make("span", "preview")), make("span", "unread")));
    button.type = "button";
    button.tabIndex = -1;
    button.onclick = () => choose(number);
    rows.set(number, make("li", "", button));
  }
  const item = rows.get(number), button = item.firstChild;
  const [[who, when], [latest, unread]] = [...button.children].map(half => [...half.children]);
  say(who.firstChild, nameOf(conversation));
  say(who.lastChild, conversation.person?.role ?? "");
  say(when, clock(last.created));
  say(latest, preview(last));
  latest.classList.toggle("rings", rings(conversation));
  const looked = messages.findLastIndex(text => text.sid === read.get(number));
  const unseen = messages.slice(looked + 1).filter(text => !text.inbound).length;
  say(unread, String(unseen));
  unread.setAttribute("role", "img");
  unread.setAttribute("aria-label", `${plural(unseen, "text")} not looked at`);
  unread.hidden = unseen === 0;
  if (number === open) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
  return item;
}

function bubble(text) {
  if (!bubbles.has(text.sid)) {
    const time = make("time");
    time.dateTime = text.created;
    time.title = new Date(text.created).toLocaleString();
    const under = make("p", "under", time, ` · ${plural(text.segments, "segment")} · `, make("span", "state"));
    bubbles.set(text.sid, make("li", "", inItsDirection(make("p", "bubble", ...withLinks(text.body))), under));
  }
  const item = bubbles.get(text.sid), under = item.lastChild;
  say(under.firstChild, clock(text.created));
  say(under.lastChild, (STATES[text.status] || text.status) + (text.error_code ? ` (error ${text.error_code})` : ""));
  item.classList.toggle("answer", text.inbound);
  item.classList.toggle("bad", text.status === "undelivered" || text.status === "failed");
  return item;
}

function pastCall(call) {
  if (!bubbles.get(call.sid)?.matches(".past")) {
    const time = make("time");
    time.dateTime = call.created;
    time.title = new Date(call.created).toLocaleString();
    bubbles.set(call.sid, make("li", "past", inItsDirection(make("p", "bubble")), make("p", "under", time, " · ", make("span", "state"))));
  }
  const item = bubbles.get(call.sid), [said, under] = item.children;
  say(said, sayings(call));
  said.hidden = !said.textContent;
  say(under.firstChild, clock(call.created));
  say(under.lastChild, stateOfCall(call));
  return item;
}

function callUnderWay(call) {
  if (!bubbles.get(call.sid)?.matches(".call")) {
    const said = inItsDirection(make("p", "bubble")), choices = make("p", "choices");
    said.setAttribute("aria-live", "polite");
    for (const [action, word] of [["answer", "Answer"], ["decline", "Decline"]]) {
      const button = make("button", action, word);
      button.type = "button";
      button.onclick = () => post(`calls/${encodeURIComponent(call.sid)}`, {action}, "The call goes on as before");
      choices.append(button);
    }
    const item = make("li", "call", make("p", "state"), choices, said);
    item.tabIndex = -1;
    bubbles.set(call.sid, item);
  }
  const item = bubbles.get(call.sid), [state, choices, said] = item.children, ringing = call.status === "ringing";
  say(state, stateOfCall(call));
  if (!ringing && choices.contains(document.activeElement)) item.focus();  // the button under the focus goes away
  choices.hidden = !ringing;
  say(said, sayings(call));
  said.hidden = !said.textContent;
  return item;
}

function showCommands({messages}) {
  const asked = messages.findLast(({inbound, body}) => !inbound && LAST_LINE_WITH_COMMANDS.test(body));
  const [, task, handsOver] = (asked && LAST_LINE_WITH_COMMANDS.exec(asked.body)) || [];
  const group = $("commands");
  if (!task && group.contains(document.activeElement)) $("body").focus();
  group.hidden = !task;
  if (!task) return;
  if (!group.children.length) {
    for (const letter of Object.keys(COMMANDS)) {
      const button = make("button", "", make("strong"), ` ${COMMANDS[letter]}`);
      button.type = "button";
      button.onclick = () => command(button.firstChild.textContent);
      group.append(button);
    }
  }
  Object.keys(COMMANDS).forEach((letter, place) => say(group.children[place].firstChild, task + letter));
  group.lastChild.hidden = !handsOver;  // the line to a supervisor has no E
}

function render() {
  $("empty").hidden = conversations.length > 0;
  document.querySelector("main").hidden = conversations.length === 0;
  if (!conversations.some(({number}) => number === open)) chosen = false;
  if (!chosen) open = narrow.matches || !conversations.length ? null : conversations[0].number;
  document.body.classList.toggle("reading", open !== null);

  const shown = conversations.find(({number}) => number === open);
  const texts = $("texts"), atEnd = texts.scrollHeight - texts.scrollTop - texts.clientHeight < 40;
  const another = texts.dataset.number !== open;
  if (another) bubbles.clear();
  if (shown) {
    texts.dataset.number = open;
    if (!document.hidden) read.set(open, shown.messages.at(-1)?.sid);
    say($("title"), nameOf(shown));
    say($("numbers"), [shown.person?.role, shown.person && pretty(open)].filter(Boolean).join(" · "));
    say($("as"), `Answer as ${nameOf(shown)}`);
    $("body").placeholder = $("as").textContent;
    if (another) {
      $("body").value = drafts.get(open) ?? "";
      trouble = "";
    }
    say($("notice"), trouble || (shown.opted_out ? OPTED_OUT : ""));
    const calls = $("calls"), underWay = shown.calls.filter(({final}) => !final);
    const onCall = calls.contains(document.activeElement);
    arrange(calls, underWay.map(callUnderWay));
    calls.hidden = !underWay.length;
    showCommands(shown);
    const past = shown.happened.filter(one => !underWay.includes(one));
    arrange(texts, past.map(one => isCall(one) ? pastCall(one) : bubble(one)));
    if (onCall && !calls.contains(document.activeElement)) (calls.firstChild ?? texts).focus();
    if (another || atEnd) texts.scrollTop = texts.scrollHeight;
  }
  const numbers = new Set(conversations.map(({number}) => number));
  for (const number of rows.keys()) if (!numbers.has(number)) rows.delete(number);
  const list = $("list").firstElementChild;
  arrange(list, conversations.map(row));
  if (conversations.length && !list.querySelector("[tabindex='0']")) list.querySelector("button").tabIndex = 0;
}

function choose(number) {
  open = number;
  chosen = number !== null;
  render();
  if (chosen) $(narrow.matches ? "back" : "body").focus();
}

function back() {
  const left = rows.get(open);
  if (narrow.matches) choose(null);
  left?.firstChild.focus();
}

// Lets a screen reader read the texts that have arrived since the last look, on any phone.
function announce() {
  const arrived = conversations.flatMap(conversation => conversation.messages
    .filter(text => !text.inbound && announced && !announced.has(text.sid))
    .map(text => `New text to ${nameOf(conversation)}: ${text.body}`));
  announced = new Set(conversations.flatMap(({messages}) => messages.map(({sid}) => sid)));
  if (arrived.length) say($("news"), arrived.length === 1 ? arrived[0] : `${arrived.length} new texts`);
  say($("ringing"), conversations.filter(rings).map(one => `Incoming call to ${nameOf(one)}`).join(". "));
}

// Posts JSON, and returns whether it was taken; if not, the complaint is shown with the reason.
async function post(path, content, complaint) {
  try {
    const taken = await fetch(path, {
      method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(content),
    });
    if (!taken.ok) throw new Error((await taken.json()).message);
    trouble = "";
    refresh();
    return true;
  } catch (error) {
    trouble = `${complaint}: ${error.message}`;
    render();
    return false;
  }
}

async function command(body) {
  if (sending) return;
  sending = true;
  if (await post("answers", {phone: open, body}, "Not sent")) say($("news"), `Answered ${body}`);
  sending = false;
}

async function answer() {
  const phone = open, body = $("body").value;
  if (!body.trim()) return;
  if (!await post("answers", {phone, body}, "Not sent")) return;
  drafts.delete(phone);
  if (phone === open && $("body").value === body) $("body").value = "";
}

// Texts and calls in the order of their times; the sort leaves those of one moment as they came.
function withCalls(conversation) {
  const calls = (conversation.calls ?? []).map(call => ({said: [], ...call}));
  const happened = [...conversation.messages, ...calls].sort((a, b) => Date.parse(a.created) - Date.parse(b.created));
  return {...conversation, calls, happened};
}

let fetching = false, again = false, timer;
async function refresh() {
  again = true;
  if (fetching) return;
  fetching = true;
  clearTimeout(timer);
  let moving = false;  // whether a text or a call is still on its way
  try {
    while (again) {
      again = false;
      const inbox = await (await fetch("inbox.json")).json();
      conversations = inbox.conversations.map(withCalls);
      const texts = conversations.flatMap(({messages}) => messages);
      moving = [...texts, ...conversations.flatMap(({calls}) => calls)].some(({final}) => !final);
      say($("figure"), texts.length === 0 ? "None of the texts leaves this machine."
        : (texts.length < inbox.total ? `The newest ${plural(texts.length, "text")} of ${inbox.total.toLocaleString()}` : plural(inbox.total, "text"))
          + "; none of them left this machine.");
      document.title = (conversations.some(rings) ? "☎ " : "") + (inbox.total ? `(${inbox.total}) Phone inbox` : "Phone inbox");
      render();
      announce();
      if (again) await new Promise(rest => setTimeout(rest, 250));  // many may be arriving
    }
  } catch {
    moving = false;  // the event stream says so too, and its return brings a refresh
  } finally {
    fetching = false;
  }
  if (moving) timer = setTimeout(refresh, 1000);
}

const events = new EventSource("events");
const line = (on, word) => { say($("line"), word); $("line").classList.toggle("off", !on); };
events.onopen = () => line(true, "live");
events.onmessage = refresh;
events.onerror = () => line(false, "not reachable, trying again");

$("back").onclick = back;
$("answer").onsubmit = event => { event.preventDefault(); answer(); };
$("body").oninput = () => drafts.set(open, $("body").value);
// The conversation must not be replaced by another while a person reads or writes there.
$("thread").addEventListener("focusin", () => { chosen = open !== null; });
// The list is one stop of the tab key; arrows move within it.
$("list").addEventListener("focusin", event => {
  for (const button of $("list").querySelectorAll("button")) button.tabIndex = button === event.target ? 0 : -1;
});
narrow.onchange = render;
document.onvisibilitychange = () => { if (!document.hidden) render(); };
document.onkeydown = event => {
  if (event.key === "Escape" && open !== null) back();
  const item = document.activeElement.closest("#list li");
  if (!item) return;
  const next = {
    ArrowDown: item.nextElementSibling, ArrowUp: item.previousElementSibling,
    Home: item.parentNode.firstElementChild, End: item.parentNode.lastElementChild,
  }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  next?.firstChild.focus();
};
refresh();
