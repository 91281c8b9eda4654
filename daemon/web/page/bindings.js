// The knobs that are bound in the song that plays: how they go, and which are to be let go.

import { connection, request, say, status, tree } from "./live.js";
import { h, Part, write } from "./part.js";
import { typed } from "./words.js";

const CHOICES = {
  curve: ["linear", "exponential", "s-shaped", "inverted"],
  pick_up: ["jump", "pick up", "scale"],
  mode: ["auto", "value", "toggle", "momentary", "next", "previous"],
  encoder: ["absolute", "two's complement", "offset 64", "sign and magnitude"],
};
const KEYS = {
  number: ["low", "high", "curve", "pick_up", "mode", "encoder"],
  choice: ["mode", "encoder"],
  flag: ["mode", "encoder"],
  action: [],
};
const NAMES = { curve: "Curve", pick_up: "Pick-up", mode: "Mode", encoder: "Encoder", low: "From", high: "To" };
const OWN = "controller"; // the only kind of knob that may turn without end

class Bindings extends Part {
  bound = [];

  build() {
    this.list = h("div", { class: "bindings" });
    this.none = h("p", { class: "quiet" }, "No knob is bound: Learn, touch a control, move a knob.");
    this.heading = h("h2", { tabindex: -1 }, "Knobs");
    this.append(h("section", { class: "group" }, this.heading, this.none, this.list));
    this.follow(() => this.#stands(status.value, connection.value));
    this.follow(() => this.#draw(tree.value));
  }

  /** Asked anew where others are bound, another song plays, or another daemon may be there. */
  #stands({ learn, preset }, line) {
    const now = learn && line === "live" ? `${preset} ${learn.revision}` : "";
    if (now === this.known) return;
    this.known = now;
    if (now) this.#ask();
  }

  async #ask() {
    try {
      this.#take(await request("GET", "/api/learn"));
    } catch (error) {
      say(error.message, "bad");
    }
  }

  #take({ bindings }) {
    if (!this.isConnected) return;
    this.bound = bindings;
    this.#draw(tree.peek());
  }

  /** A row that stays keeps its fields: whoever is in one of them stays there. */
  #draw({ controls }) {
    const types = new Map(controls.map((node) => [node.path, node.type]));
    this.bound.forEach((one, at) => {
      const here = this.list.children[at];
      const type = types.get(one.path) ?? "action";
      if (here?.fits(one, type)) here.tell(one);
      else if (here) here.replaceWith(this.#row(one, type));
      else this.list.append(this.#row(one, type));
    });
    while (this.list.childElementCount > this.bound.length) this.list.lastElementChild.remove();
    this.none.hidden = this.bound.length > 0;
  }

  #row(one, type) {
    return new Binding(one, type, (row) => this.#let_go(row));
  }

  /** Whoever let one go finds himself at the next one. */
  async #let_go(row) {
    const at = [...this.list.children].indexOf(row);
    try {
      this.#take(await request("DELETE", row.at));
      (this.list.children[at]?.button ?? this.heading).focus();
    } catch (error) {
      row.complain(error.message);
    }
  }
}

/** A knob and what it sets. one: as the daemon tells of it. type: of the control, or "action". */
class Binding extends Part {
  constructor(one, type, let_go) {
    super();
    Object.assign(this, { one, type, let_go });
    this.at = `/api/learn/${one.number}`;
    this.about = `${one.control} sets ${one.path}`;
  }

  build() {
    this.classList.add("control", "binding");
    const { control, path } = this.one;
    const keys = KEYS[this.type].filter((key) => key !== "encoder" || control.startsWith(OWN));
    this.fields = new Map(keys.map((key) => [key, CHOICES[key] ? this.#choice(key) : this.#end(key)]));
    const told = { type: "button", class: "deed", "aria-label": `Let go: ${this.about}` };
    this.button = h("button", { ...told, onclick: () => this.let_go(this) }, "Let go");
    this.error = h("span", { class: "error", role: "alert" });
    const labelled = ([key, field]) => h("label", { class: "field" }, h("span", {}, NAMES[key]), field);
    const name = h("span", { class: "label" }, `${control} → ${path}`);
    this.append(name, ...[...this.fields].map(labelled), this.button, this.error);
    this.tell(this.one);
  }

  #choice(key) {
    const options = CHOICES[key].map((word) => h("option", { value: word }, word));
    const change = (event) => this.#set(key, event.target.value);
    return h("select", { "aria-label": `${NAMES[key]}: ${this.about}`, onchange: change }, ...options);
  }

  #end(key) {
    const name = `${NAMES[key]}: ${this.about}`;
    const change = ({ target }) => this.#set(key, target.value.trim() === "" ? "" : typed(target.value));
    return h("input", { type: "text", inputmode: "decimal", placeholder: "end", "aria-label": name, onchange: change });
  }

  /** Whether this row is of the same knob and the same control. */
  fits(one, type) {
    const { number, control, path } = this.one;
    return number === one.number && control === one.control && path === one.path && type === this.type;
  }

  /** How it stands; what somebody is writing stays. */
  tell(one) {
    this.one = one;
    for (const [key, field] of this.fields) if (field !== document.activeElement) field.value = one[key] ?? "";
  }

  /** key: of the field that is wrong. What is told of one is not taken back by an answer about another. */
  complain(error, key) {
    if (!error && this.wrong && this.wrong !== key) return;
    this.wrong = error ? key : undefined;
    write(this.error, error);
  }

  async #set(key, value) {
    const field = this.fields.get(key);
    try {
      if (Number.isNaN(value)) throw new Error(`“${field.value}” is no number`);
      this.tell(await request("PUT", this.at, { [key]: value }));
      this.complain("", key);
    } catch (error) {
      this.complain(error.message, key);
      field.value = this.one[key] ?? ""; // as it is, not as it was wanted
    }
  }
}

customElements.define("rp-bindings", Bindings);
customElements.define("rp-binding", Binding);
