// Tabs, and behind them a panel for each part of the tree: its controls are made from what the daemon says of them.

import { made, titled } from "./controls.js";
import "./learn.js";
import { act, connection, request, say, tree } from "./live.js";
import { h, mark, Part } from "./part.js";

const STAGE = "stage";
const EDITOR = "presets";
const SET_UP = "set-up";
const TITLES = { stage: "Stage", band: "Band", voice: "Voice", clock: "Clock", chain: "Sound", players: "Players" };
const OTHER_TITLES = { presets: "Presets", "set-up": "Set-up" };
const ALWAYS_THERE = new Set(["panic", "next", "previous"]); // in the head and the foot of the page
const NOT_THERE = new Set(["song"]); // the foot has it
const ORDER = ["players", "band", "voice", "clock", "chain"];

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
  for (const node of controls) if (!NOT_THERE.has(node.path)) into(node.path, { kind: "controls", node });
  for (const node of actions) if (!ALWAYS_THERE.has(node.path)) into(node.path, { kind: "actions", node });
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
    this.append(this.list, document.createElement("rp-learn"));
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.follow(() => this.#grow(tree.value));
  }

  #grow(described) {
    this.parts = sorted(described);
    if (!this.parts.has(this.now)) this.now = STAGE;
    const had = this.list.contains(document.activeElement);
    this.list.replaceChildren(...[...this.parts.keys()].map((name) => this.#tab(name)));
    this.#show(this.now);
    if (had) this.list.querySelector('[aria-selected="true"]').focus();
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
    for (const tab of this.list.children) {
      mark(tab, "aria-selected", tab.id === `tab-${name}`);
      mark(tab, "tabindex", tab.id === `tab-${name}` ? 0 : -1);
    }
    const [stage, panel] = ["stage", "panel"].map((id) => document.getElementById(id));
    stage.hidden = name !== STAGE;
    panel.hidden = name === STAGE;
    mark(panel, "aria-labelledby", `tab-${name}`);
    panel.replaceChildren(...(name === STAGE ? [] : this.#inside(name)));
  }

  #inside(name) {
    if (name === EDITOR) return [new Editor()];
    const groups = [...this.parts.get(name)].map(([title, group]) => grouped(title || TITLES[name] || "", group));
    return name === SET_UP ? [...groups, new Devices()] : groups;
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

function grouped(title, { controls, actions }) {
  const heading = h("h2", {}, titled({ title: title || "This performance" }));
  const inside = h("div", { class: "controls" }, ...controls.map(made), ...actions.map((one) => new Deed(one)));
  return h("section", { class: "group" }, heading, inside);
}

/** Something that is done. */
class Deed extends Part {
  constructor(node) {
    super();
    this.node = node;
  }

  build() {
    const told = { type: "button", class: "deed", title: this.node.help, onclick: () => act(this.node.path) };
    const button = h("button", told, titled(this.node));
    this.append(button);
    this.follow(() => mark(button, "aria-disabled", connection.value !== "live"));
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

/** A phone or tablet that is to be let in. */
class Devices extends Part {
  build() {
    this.shows = h("div", { class: "pairing", "aria-live": "polite" });
    const button = h("button", { type: "button", class: "deed", onclick: () => this.#begin() }, "Pair a phone or tablet");
    this.append(h("section", { class: "group" }, h("h2", {}, "Devices"), button, this.shows));
  }

  async #begin() {
    try {
      const { code, svg } = await request("POST", "/api/pairing");
      const picture = h("img", { alt: "QR code of the address", width: 240, height: 240 });
      picture.src = `data:image/svg+xml,${encodeURIComponent(svg ?? "")}`;
      const told = h("p", {}, "Scan it, or open this page's address on the device, and type ", h("b", {}, code));
      this.shows.replaceChildren(...(svg ? [picture] : []), told);
    } catch (error) {
      say(`no device can be paired: ${error.message}`, "bad");
    }
  }
}

customElements.define("rp-deed", Deed);
customElements.define("rp-editor", Editor);
customElements.define("rp-devices", Devices);
customElements.define("rp-tabs", Tabs);
