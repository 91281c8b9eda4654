// Tabs, and behind them a panel for each part of the tree: its controls are made from what the daemon says of them.

import "./bindings.js";
import { made } from "./controls.js";
import { meant, shows_learning } from "./learn.js";
import { act, connection, request, say, status, tree } from "./live.js";
import { h, mark, Part, renew, write } from "./part.js";
import { Signal } from "./store.js";
import { path_parts, titled } from "./words.js";

const STAGE = "stage";
const EDITOR = "presets";
const SET_UP = "set-up";
const TITLES = { stage: "Stage", band: "Band", voice: "Voice", clock: "Clock", chain: "Sound", players: "Players" };
const OTHER_TITLES = { presets: "Presets", "set-up": "Set-up" };
const ORDER = ["players", "band", "voice", "clock", "chain"];
const ELSEWHERE = /^(song|panic|next|previous|players\/[^/]+\/(on|level))$/; // in the head, the foot, or on a tile
const QUICK = ["clock/roll", "band/hand-over", "band/yield"]; // within reach on the stage, too
const MANY = 40; // controls, from which on one looks for them
const QUIET_DB = -60;
const LOUD_DB = -3;
const REMEMBERED = "ripieno.letters";

/** Whether letters and digits do what they do in the terminal: who speaks to the page may want none of it. */
export const keys_act = new Signal(remembered() !== "off");

/** A browser that is told to keep nothing throws at the question. */
function remembered(value) {
  try {
    if (value) localStorage.setItem(REMEMBERED, value);
    return localStorage.getItem(REMEMBERED);
  } catch {
    return null;
  }
}

/** The part of the tree that a path belongs to. */
function part_of(path) {
  const [first, second] = path.split("/");
  return second === undefined ? SET_UP : first;
}

/** Controls by parts, and within these by what stands between a part and the last name: "hall" of chain/hall/mix. */
function sorted({ controls, actions }) {
  const parts = new Map([STAGE, ...ORDER].map((name) => [name, new Map()]));
  const into = (path, what) => {
    const part = part_of(path);
    const group = path.split("/").slice(1, -1).join("/");
    if (!parts.has(part)) parts.set(part, new Map());
    const groups = parts.get(part);
    if (!groups.has(group)) groups.set(group, { controls: [], actions: [] });
    groups.get(group)[what.kind].push(what.node);
  };
  for (const node of controls) if (!ELSEWHERE.test(node.path)) into(node.path, { kind: "controls", node });
  for (const node of actions) if (!ELSEWHERE.test(node.path)) into(node.path, { kind: "actions", node });
  for (const name of [EDITOR, SET_UP]) {
    const groups = parts.get(name) ?? new Map();
    parts.delete(name);
    parts.set(name, groups);
  }
  return new Map([...parts].filter(([name, groups]) => groups.size || [STAGE, EDITOR, SET_UP].includes(name)));
}

class Tabs extends Part {
  now = STAGE;

  build() {
    this.list = h("div", { role: "tablist", "aria-label": "Views" });
    this.append(this.list, new Quick(), document.createElement("rp-learn"));
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.help = h("p", { class: "help", "aria-hidden": "true" }); // who hears the page is told by the control itself
    this.panel = document.getElementById("panel");
    const explain = (event) => this.#explain(event.target);
    for (const kind of ["pointerover", "focusin"]) this.panel.addEventListener(kind, explain);
    this.follow(() => this.#grow(tree.value));
  }

  #grow(described) {
    this.parts = sorted(described);
    if (!this.parts.has(this.now)) this.now = STAGE;
    const had = this.list.contains(document.activeElement);
    this.list.replaceChildren(...[...this.parts.keys()].map((name) => this.#tab(name)));
    if (this.now === EDITOR) this.#select(); // what is being written there is no business of the song's
    else this.#renew();
    if (had) this.list.querySelector('[aria-selected="true"]').focus();
  }

  /** Show the same part anew, as far down as it was. */
  #renew() {
    const { scrollTop } = this.panel;
    renew(this.panel, () => this.#show(this.now));
    this.panel.scrollTop = scrollTop;
  }

  #tab(name) {
    const title = TITLES[name] ?? OTHER_TITLES[name] ?? titled({ title: name });
    const told = { type: "button", role: "tab", id: `tab-${name}`, onclick: () => this.open(name) };
    return h("button", { ...told, "aria-controls": name === STAGE ? "stage" : "panel" }, title);
  }

  /** Show a part. */
  open(name) {
    if (name !== this.now) this.#show(name);
  }

  #show(name) {
    this.now = name;
    this.#select();
    document.getElementById("stage").hidden = name !== STAGE;
    this.panel.hidden = name === STAGE;
    mark(this.panel, "aria-labelledby", `tab-${name}`);
    write(this.help, "");
    this.panel.replaceChildren();
    if (name !== STAGE) this.panel.append(h("div", { class: "cards" }, ...this.#inside(name)), this.help);
    this.panel.scrollTop = 0;
  }

  #select() {
    for (const tab of this.list.children) {
      mark(tab, "aria-selected", tab.id === `tab-${this.now}`);
      mark(tab, "tabindex", tab.id === `tab-${this.now}` ? 0 : -1);
    }
  }

  /** What a control does, below, while somebody points at it. */
  #explain(target) {
    const one = target.closest(".control");
    if (one?.node?.help) write(this.help, `${one.title_text}: ${one.node.help}`);
  }

  #inside(name) {
    if (name === EDITOR) return [(this.editor ??= new Editor())]; // with what is written in it
    const groups = [...this.parts.get(name)].map(([title, group]) =>
      grouped(title || TITLES[name] || "", group, name === "chain" && title ? new Sounding(title) : null),
    );
    if (groups.reduce((sum, one) => sum + one.lastChild.childElementCount, 0) > MANY) groups.unshift(finder(groups));
    if (name === SET_UP) groups.push(document.createElement("rp-bindings"), new Devices(), new Screen());
    return groups;
  }

  #key(event) {
    const tabs = [...this.list.children];
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    tab.focus();
    tab.click();
  }
}

/** A field that leaves of the controls those with some words in their names. */
function finder(groups) {
  const find = () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const group of groups) {
      const name = group.firstChild.textContent.toLowerCase();
      const parts = [...group.lastChild.children];
      for (const one of parts) {
        const text = `${name} ${one.textContent.toLowerCase()}`;
        one.hidden = !words.every((word) => text.includes(word));
      }
      group.hidden = parts.every((one) => one.hidden);
    }
  };
  const field = h("input", { type: "search", placeholder: "Find a control", "aria-label": "Find", oninput: find });
  return h("div", { class: "finder control" }, field);
}

function grouped(title, { controls, actions }, state = null) {
  const heading = h("h2", {}, titled({ title: title || "This performance" }), state);
  const inside = h("div", { class: "controls" }, ...controls.map(made), ...actions.map((one) => new Deed(one)));
  return h("section", { class: "group" }, heading, inside);
}

/** How a plugin stands: how loud it is, and what is wrong with it. */
class Sounding extends Part {
  constructor(path) {
    super();
    this.path = path; // its part of one
  }

  build() {
    const bar = h("i");
    const says = h("span");
    this.append(h("div", { class: "meter", "aria-hidden": "true" }, bar), says);
    this.follow(() => {
      const plugins = status.value.chains?.plugins ?? [];
      const one = plugins[path_parts(plugins.map((plugin) => plugin.name)).indexOf(this.path)];
      this.hidden = !one;
      if (!one) return;
      bar.style.transform = `scaleX(${Math.min(1, Math.max(0, 1 - one.peak_db / QUIET_DB)).toFixed(3)})`;
      bar.toggleAttribute("loud", one.peak_db > LOUD_DB);
      const wrong = one.why || (one.blocked ? "blocked" : one.plays ? "" : "does not play");
      write(says, wrong || (one.bypass ? "bypassed" : `on ${one.on}`));
      this.toggleAttribute("bad", Boolean(wrong));
    });
  }
}

/** Something that is done. */
class Deed extends Part {
  constructor(node) {
    super();
    this.node = node;
  }

  build() {
    const { path, help } = this.node;
    const told = { type: "button", class: "deed", title: help || undefined };
    const button = h("button", { ...told, onclick: () => meant(path, act) }, titled(this.node));
    shows_learning(this, button, () => path);
    this.append(button);
    this.follow(() => mark(button, "aria-disabled", connection.value !== "live"));
  }
}

/** What a band is about, and what is done to it and the clock while one plays. */
class Quick extends Part {
  build() {
    const says = h("span", { class: "quiet" });
    const deeds = h("span", { class: "deeds" });
    this.append(says, deeds);
    this.follow(() => {
      const { band } = status.value;
      write(says, band ? `Band: ${band.state}` : "");
    });
    this.follow(() => {
      const there = tree.value.actions.filter((one) => QUICK.includes(one.path));
      deeds.replaceChildren(...there.map((one) => new Deed(one)));
    });
  }
}

/** The preset editor, brought when it is first looked at. editor.js gives `rp-preset-editor`. */
class Editor extends Part {
  async build() {
    this.append(h("p", { class: "quiet" }, "Loading the editor…"));
    try {
      await import("./editor.js");
      this.replaceChildren(document.createElement("rp-preset-editor"));
    } catch (error) {
      this.replaceChildren(h("p", { role: "alert" }, `The editor cannot be shown: ${error.message}`));
    }
  }
}

/** What is set for this browser alone. */
class Screen extends Part {
  build() {
    const turn = () => {
      keys_act.value = !keys_act.peek();
      remembered(keys_act.peek() ? "on" : "off");
    };
    const button = h("button", { type: "button", class: "switch", role: "switch", onclick: turn });
    mark(button, "aria-label", "Letter keys");
    const told = "p: panic. n, N: next and previous song. t: tap. 1 to 9: instruments. Esc: leave learning.";
    const letters = h("div", { class: "control" }, h("span", { class: "label" }, "Letter keys"), button);
    const fill = () => (document.fullscreenElement ? document.exitFullscreen() : document.body.requestFullscreen());
    const full = h("button", { type: "button", class: "deed", onclick: fill }, "Full screen");
    const inside = h("div", { class: "controls" }, letters, full);
    full.hidden = !document.fullscreenEnabled;
    const quiet = h("p", { class: "quiet" }, told);
    this.append(h("section", { class: "group" }, h("h2", {}, "This screen"), inside, quiet));
    this.follow(() => {
      mark(button, "aria-checked", keys_act.value);
      write(button, keys_act.value ? "On" : "Off");
    });
  }
}

/** A phone or tablet that is to be let in. */
class Devices extends Part {
  build() {
    this.shows = h("div", { class: "pairing", "aria-live": "polite" });
    const told = { type: "button", class: "deed", onclick: () => this.#begin() };
    const button = h("button", told, "Pair a phone or tablet");
    this.append(h("section", { class: "group" }, h("h2", {}, "Devices"), button, this.shows));
  }

  async #begin() {
    try {
      const { url, code, qr } = await request("POST", "/api/pairing");
      const picture = h("img", { alt: "QR code of the address and the code", width: 240, height: 240 });
      const whole = qr.includes("xmlns=") ? qr : qr.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
      picture.src = `data:image/svg+xml,${encodeURIComponent(whole)}`;
      const told = h("p", {}, `Scan it, or open ${url} on the device and type `, h("b", {}, code));
      this.shows.replaceChildren(picture, told);
    } catch (error) {
      say(`no device can be paired: ${error.message}`, "bad");
    }
  }
}

customElements.define("rp-sounding", Sounding);
customElements.define("rp-screen", Screen);
customElements.define("rp-deed", Deed);
customElements.define("rp-quick", Quick);
customElements.define("rp-editor", Editor);
customElements.define("rp-devices", Devices);
customElements.define("rp-tabs", Tabs);
