// The line to the daemon: how everything is, what is to be another, and what is done when the line is cut.

import { Signal } from "./store.js";

const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 2000;
const PING_MS = 5000; // a line that says nothing for two of these is cut: a phone does not always notice
const PANIC_MS = 400; // so long the socket may take to have heard it
const PANIC_HTTP_MS = 1500;
const HTTP_MS = 3000;
const AGAIN_MS = 1000; // until the controls are asked for again, where they could not be told
const MOST_NEWS = 100;

let token = document.querySelector('meta[name="ripieno-token"]')?.content ?? "";

/** "connecting", "live", "lost" (and trying again) or "unpaired". */
export const connection = new Signal("connecting");
export const status = new Signal({});
export const tree = new Signal({ controls: [], actions: [] });
/** Seconds until the band's instruments that are silent come in, by their places; only those that are to. */
export const entries = new Signal({});
/** Sentences for the player with the times at which they came, the newest last. */
export const news = new Signal([]);

const hearers = new Set();
const controls = new Map(); // path -> Control
const asked = new Map(); // id of a message -> what is done with its answer
let socket = null;
let attempt = 0; // counts those to have a line again
let waiting = 0; // the timer of the next one
let origin = "";
let grown = 0;
let number = 0;
let wait_ms = FIRST_WAIT_MS;
let heard_at = 0;

/** Be told of each batch. */
export function hear(act) {
  hearers.add(act);
  return () => hearers.delete(act);
}

/** A sentence of the page's own among the news. */
export function say(text, kind = "news") {
  news.value = [...news.peek(), { text, kind, at: new Date() }].slice(-MOST_NEWS);
}

/** One control's value. While a change of ours is on its way, ours is shown; then the one of the newest revision. */
class Control {
  shown = new Signal(undefined);
  error = new Signal("");
  #known = { value: undefined, revision: -1 };
  #sent = false;
  #next = null; // {value}: to be sent when the last one was answered, so that a drag never makes a queue

  constructor(path) {
    this.path = path;
  }

  /** What the daemon says that it is. */
  learn(value, revision) {
    if (revision < this.#known.revision) return;
    this.#known = { value, revision };
    if (!this.#sent) this.#show();
  }

  /** A line anew, perhaps to another daemon: it alone knows. */
  begin(value) {
    this.#known = { value, revision: -1 };
    this.#sent = false;
    this.#next = null;
    this.error.value = "";
    this.#show();
  }

  /** Change it. */
  set(value) {
    if (connection.peek() !== "live") return;
    this.shown.value = value;
    this.error.value = "";
    if (this.#sent) this.#next = { value };
    else this.#send(value);
  }

  #send(value) {
    this.#sent = true;
    ask({ t: "set", path: this.path, value }, (answer) => this.#answered(answer));
  }

  #answered(answer) {
    if (answer.lost) say(`${this.path} was perhaps not heard: look how it stands`, "bad");
    else if (answer.t === "error") this.error.value = answer.error;
    else if (answer.revision >= this.#known.revision) this.#known = { value: answer.value, revision: answer.revision };
    const next = this.#next;
    this.#next = null;
    this.#sent = false;
    if (next && !answer.lost) this.#send(next.value);
    else this.#show();
  }

  #show() {
    const { value } = this.#known;
    if (JSON.stringify(value) !== JSON.stringify(this.shown.peek())) this.shown.value = value;
  }
}

/** The control of a path, there or not. */
export function control(path) {
  if (!controls.has(path)) controls.set(path, new Control(path));
  return controls.get(path);
}

/** Do an action; a promise of its answer. */
export function act(path) {
  return new Promise((done) => {
    if (!ask({ t: "do", path }, done)) done({ t: "error", error: "there is no connection" });
  }).then((answer) => {
    if (answer.t === "error") say(answer.error, "bad");
    return answer;
  });
}

function ask(message, done) {
  if (socket?.readyState !== WebSocket.OPEN) return false;
  const id = ++number;
  asked.set(id, done);
  socket.send(JSON.stringify({ ...message, id }));
  return true;
}

/** Ask by HTTP; the answer's JSON. Throws a sentence. What is no longer wanted is said even while the page goes. */
export async function request(method, path, body, limit_ms = HTTP_MS) {
  const headers = { "X-Ripieno-Token": token };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const signal = AbortSignal.timeout(limit_ms);
  const given = body === undefined ? undefined : JSON.stringify(body);
  const keepalive = method === "DELETE";
  const answer = await fetch(path, { method, headers, body: given, signal, keepalive, cache: "no-store" });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const why = told.error ?? `refused (${answer.status})`;
    throw Object.assign(new Error(why), { told, status: answer.status });
  }
  return told;
}

/** Silence everything: by the line if it answers at once, else by HTTP. Says whether it was heard. */
export async function panic() {
  const line = new Promise((done) => {
    ask({ t: "do", path: "panic" }, (answer) => done(answer.t === "ok"));
    setTimeout(done, PANIC_MS, false);
  });
  if (socket?.readyState === WebSocket.OPEN && (await line)) return true;
  return (await panic_by_http()) || ((await renew(PANIC_HTTP_MS)) && (await panic_by_http()));
}

async function panic_by_http() {
  try {
    await request("POST", "/api/actions/panic", undefined, PANIC_HTTP_MS);
    return true;
  } catch {
    return false;
  }
}

/** Begin, and begin again whenever the line is cut. */
export function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const line = new WebSocket(`${scheme}://${location.host}/api/live?token=${encodeURIComponent(token)}`);
  socket = line;
  heard_at = performance.now();
  line.onmessage = (event) => line === socket && take(JSON.parse(event.data));
  line.onclose = (event) => line === socket && cut(event.reason);
}

function cut(reason) {
  socket = null;
  const answers = [...asked.values()];
  asked.clear();
  if (connection.peek() === "live") {
    say(reason ? `the connection is cut: ${reason}` : "the connection is cut; trying again", "bad");
  }
  if (connection.peek() !== "unpaired") connection.value = "lost";
  for (const done of answers) done({ t: "error", lost: true, error: "perhaps not heard: the connection was cut" });
  waiting = setTimeout(again, wait_ms);
  wait_ms = Math.min(2 * wait_ms, LONGEST_WAIT_MS);
}

async function again() {
  const one = ++attempt;
  await renew();
  if (one === attempt) connect();
}

/** A daemon that was started anew has another token, which stands in its page. Whether one is there. */
async function renew(limit_ms = HTTP_MS) {
  try {
    const answer = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(limit_ms) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelector('meta[name="ripieno-token"]')?.content;
    if (!found && (answer.redirected || answer.status === 401)) connection.value = "unpaired";
    token = found ?? token;
    return Boolean(found);
  } catch {
    return false;
  }
}

function take(message) {
  heard_at = performance.now();
  if (message.t === "hello") greet(message);
  else if (message.t === "batch") batch(message);
  else if (asked.has(message.id)) {
    const done = asked.get(message.id);
    asked.delete(message.id);
    done(message);
  }
}

function greet(state) {
  wait_ms = FIRST_WAIT_MS;
  origin = state.origin ?? "";
  grown = state.grown;
  for (const [path, value] of Object.entries(state.values)) control(path).begin(value);
  status.value = state.status ?? {};
  if (connection.peek() === "lost") say("connected again", "good");
  connection.value = "live";
  for (const one of hearers) one({ ...state, notes: [], fresh: true });
  describe();
}

function batch(told) {
  for (const [path, value, from, revision] of told.changes ?? []) {
    if (from !== origin || !origin) control(path).learn(value, revision);
  }
  for (const text of told.news ?? []) say(text);
  if (told.status) status.value = told.status;
  for (const one of hearers) one(told);
  if (told.grown !== grown) {
    grown = told.grown;
    describe();
  }
}

/** All controls may be others: another song plays. */
async function describe() {
  const line = socket;
  try {
    const [found, state] = await Promise.all([request("GET", "/api/tree"), request("GET", "/api/state")]);
    if (line !== socket || found.grown !== grown) return; // another one is told of, and asked for
    for (const [path, value] of Object.entries(state.values)) control(path).learn(value, state.revision);
    for (const path of controls.keys()) if (!(path in state.values)) controls.delete(path);
    const all = ({ controls, actions }) => JSON.stringify([controls, actions]);
    if (all(found) !== all(tree.peek())) tree.value = found;
  } catch (error) {
    if (line !== socket) return;
    say(`the controls could not be read: ${error.message}`, "bad");
    setTimeout(() => line === socket && describe(), AGAIN_MS);
  }
}

/** End a line that says nothing, or that never opens; ask the other end to say something. */
function look() {
  if (!socket) return;
  const silent = socket;
  if (performance.now() - heard_at >= 2 * PING_MS) {
    cut("nothing was heard for some time"); // closing may take minutes where the other end is gone
    silent.close();
  } else if (silent.readyState === WebSocket.OPEN) silent.send(JSON.stringify({ t: "ping", id: 0 }));
}

/** A phone that was asleep, or without a network, need not wait. */
function hurry() {
  look();
  if (socket || document.visibilityState !== "visible") return;
  clearTimeout(waiting);
  again();
}

setInterval(look, PING_MS);
addEventListener("online", hurry);
document.addEventListener("visibilitychange", hurry);
