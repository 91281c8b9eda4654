// A control on the page for each kind of control there is: a switch, a choice, a knob or fader, a field.

import { connection, control } from "./live.js";
import { learning, shows_learning, touched } from "./learn.js";
import { h, mark, Part, write } from "./part.js";
import { shown, titled, typed } from "./words.js";

const PRESSES = ["Enter", " "];
const DRAG_PX = 220; // from one end of a knob to the other
const FINE = 0.1; // with Shift
const FEW_WORDS = 4; // shown side by side
const FADERS = /(^|[/.-])(level|gain[-_]db|gain|volume|mix|balance)$/;
const WHOLE_STEPS = 24; // a whole number with no more values than these goes by ones
const STEP = 0.02; // of what a number can be, at most, for an arrow key
const CURVED = 100; // from this ratio of the highest to the lowest on

let names = 0;

class Control extends Part {
  /** node: as the tree describes it. */
  constructor(node, title = titled(node)) {
    super();
    this.node = node;
    this.title_text = title;
    this.told = control(node.path);
    this.label_id = `label-${++names}`;
  }

  build() {
    this.classList.add("control");
    const label = h("span", { class: "label", id: this.label_id, title: this.node.help }, this.title_text);
    const error = h("span", { class: "error", role: "alert" });
    this.append(label, this.make(), error);
    this.follow(() => write(error, this.told.error.value));
    shows_learning(this, this, () => this.node.path);
    const touch = (event) => this.#touch(event);
    for (const kind of ["pointerdown", "click", "keydown"]) this.addEventListener(kind, touch, true);
  }

  /** While it learns, a touch tells which control is meant, and changes nothing; so does Enter or the space bar. */
  #touch(event) {
    if (!learning.peek() || (event.type === "keydown" && !PRESSES.includes(event.key))) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.type !== "click" || event.detail === 0) touched(this.node.path);
  }

  /** The value, for what follows it. */
  get now() {
    return this.told.shown.value;
  }

  set(value) {
    if (!learning.peek()) this.told.set(value);
  }

  /** Name it for who does not see it, and say when nobody would hear. */
  dress(element) {
    mark(element, "aria-labelledby", this.label_id);
    mark(element, "data-path", this.node.path);
    if (this.node.help) mark(element, "aria-description", this.node.help);
    this.follow(() => mark(element, "aria-disabled", connection.value !== "live"));
    return element;
  }
}

class Switch extends Control {
  make() {
    const button = h("button", { class: "switch", type: "button", role: "switch", onclick: () => this.set(!this.now) });
    this.follow(() => {
      mark(button, "aria-checked", Boolean(this.now));
      write(button, this.now ? "On" : "Off");
    });
    return this.dress(button);
  }
}

class Choice extends Control {
  make() {
    const { words } = this.node;
    return words.length <= FEW_WORDS ? this.#side_by_side(words) : this.#list(words);
  }

  #list(words) {
    const show = () => (select.value = this.now);
    const choose = () => {
      this.set(select.value);
      show(); // as before, where nobody hears it
    };
    const select = h("select", { onchange: choose });
    select.append(...words.map((word) => h("option", { value: word }, word || "(none)")));
    this.follow(show);
    return this.dress(select);
  }

  #side_by_side(words) {
    const name = `choice-${this.label_id}`;
    const group = h("div", { class: "choice", role: "radiogroup" });
    const show = () => inputs.forEach((one) => (one.checked = one.value === this.now));
    const choose = (word) => {
      this.set(word);
      show(); // as before, where nobody hears it
    };
    const input = (value) => h("input", { type: "radio", name, value, onchange: () => choose(value) });
    const inputs = words.map(input);
    inputs.forEach((one, at) => group.append(h("label", {}, one, h("span", {}, words[at] || "(none)"))));
    this.follow(show);
    return this.dress(group);
  }
}

class Field extends Control {
  make() {
    const input = h("input", { type: "text", autocomplete: "off", spellcheck: "false" });
    const show = () => (input.value = Array.isArray(this.now) ? this.now.join(", ") : String(this.now ?? ""));
    input.addEventListener("change", () => this.set(this.#read(input.value)));
    input.addEventListener("keydown", (event) => event.key === "Escape" && show());
    this.follow(() => (this.now, document.activeElement === input && !this.told.error.peek() ? null : show()));
    return this.dress(input);
  }

  /** What was a list is a list again. */
  #read(text) {
    if (!Array.isArray(this.now)) return text;
    const parts = text.split(",").map((one) => one.trim()).filter(Boolean);
    return parts.map((one) => (/^-?\d+(\.\d+)?$/.test(one) ? Number(one) : one));
  }
}

/** What knobs and faders have in common: a number that is dragged, stepped or typed. */
class Slider extends Control {
  make() {
    const { node } = this;
    this.knob = h("div", { class: this.look, role: "slider", tabindex: "0" }, ...this.parts());
    mark(this.knob, "aria-valuemin", node.low);
    mark(this.knob, "aria-valuemax", node.high);
    mark(this.knob, "aria-orientation", this.upright ? "vertical" : "horizontal");
    this.typed = h("input", { class: "value", type: "text", inputmode: "decimal", autocomplete: "off" });
    mark(this.typed, "aria-label", `${this.title_text}, as a number`);
    this.#listen();
    this.follow(() => this.#draw(this.now));
    return h("div", { class: "slider" }, this.dress(this.knob), this.typed);
  }

  #listen() {
    const { knob, typed } = this;
    knob.addEventListener("keydown", (event) => this.#key(event));
    knob.addEventListener("pointerdown", (event) => this.#grab(event));
    knob.addEventListener("dblclick", () => typed.select());
    typed.addEventListener("change", () => this.#type(typed.value));
    typed.addEventListener("focus", () => typed.select());
    typed.addEventListener("keydown", (event) => {
      if (event.key === "Enter") knob.focus();
      if (event.key === "Escape") typed.value = shown(this.node, this.told.shown.peek());
    });
  }

  /** Frequencies and their like: equal ways are equal ratios. */
  get curved() {
    const { low, high, whole } = this.node;
    return !whole && low > 0 && high / low >= CURVED;
  }

  /** How far a value is from the lowest to the highest, 0 to 1. */
  share(value) {
    const { low, high } = this.node;
    const share = this.curved ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low || 1);
    return Math.min(1, Math.max(0, share));
  }

  /** The value there, rounded to what a hand can mean. */
  at(share) {
    const { low, high } = this.node;
    const near = Math.min(1, Math.max(0, share));
    if (this.curved) return Number((low * (high / low) ** near).toPrecision(3));
    const grain = 10 ** Math.floor(Math.log10((high - low || 1) / 1000));
    return Number((Math.round((low + near * (high - low)) / grain) * grain).toPrecision(10));
  }

  /** Between two values that are worth telling apart, as a share. */
  get step() {
    const span = this.node.high - this.node.low || 1;
    if (this.node.whole) return (span <= WHOLE_STEPS ? 1 : Math.max(1, Math.round(span / 100))) / span;
    return this.curved ? STEP : 10 ** Math.floor(Math.log10(span * STEP)) / span;
  }

  #draw(value) {
    if (typeof value !== "number") return;
    this.knob.style.setProperty("--share", this.share(value));
    mark(this.knob, "aria-valuenow", value);
    mark(this.knob, "aria-valuetext", shown(this.node, value));
    if (document.activeElement !== this.typed) this.typed.value = shown(this.node, value);
  }

  /** Go to a value that it can be. */
  go(value) {
    const { low, high, whole } = this.node;
    const near = Math.min(high, Math.max(low, value));
    if (Number.isNaN(near)) return; // nobody has told yet how it stands
    const good = whole ? Math.round(near) : near;
    if (good !== this.told.shown.peek()) this.set(good);
  }

  #key(event) {
    const { low, high } = this.node;
    const fine = event.shiftKey && !this.node.whole ? FINE : 1;
    const moves = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 };
    const now = this.share(this.told.shown.peek());
    if (event.key in moves) this.go(this.at(now + moves[event.key] * this.step * fine));
    else if (event.key === "Home") this.go(low);
    else if (event.key === "End") this.go(high);
    else if (event.key === "Enter") this.typed.focus();
    else return;
    event.preventDefault();
  }

  #grab(event) {
    if (event.button !== 0) return;
    const { knob } = this;
    let { clientX: x, clientY: y } = event;
    let share = this.share(this.told.shown.peek());
    knob.setPointerCapture(event.pointerId);
    const drag = (moved) => {
      if (moved.pointerId !== event.pointerId) return; // another finger
      const way = this.way(moved.clientX - x, y - moved.clientY);
      ({ clientX: x, clientY: y } = moved);
      share = Math.min(1, Math.max(0, share + (way / this.reach) * (moved.shiftKey ? FINE : 1)));
      this.go(this.at(share));
    };
    const leave = () => knob.removeEventListener("pointermove", drag);
    knob.addEventListener("pointermove", drag);
    knob.addEventListener("lostpointercapture", leave, { once: true });
  }

  #type(text) {
    const value = typed(text);
    this.told.error.value = "";
    if (Number.isFinite(value)) this.go(value);
    else this.told.error.value = `“${text}” is no number`;
    this.#draw(this.told.shown.peek());
  }
}

class Knob extends Slider {
  look = "knob";
  reach = DRAG_PX;

  /** How far it is dragged, in pixels, by a finger that goes so far to the right and up. */
  way(right, up) {
    return right + up;
  }

  parts() {
    return [h("i", { class: "pointer" })];
  }
}

class Fader extends Slider {
  look = "fader";
  upright = true;

  way(_, up) {
    return up;
  }

  get reach() {
    return Math.max(40, this.knob.clientHeight - 28);
  }

  parts() {
    return [h("i", { class: "rail" }), h("i", { class: "cap" })];
  }
}

/** One that lies, for tiles: its whole length is its range. */
export class Lying extends Slider {
  look = "lying";

  way(right) {
    return right; // up and down, a finger scrolls the page
  }

  get reach() {
    return Math.max(40, this.knob.clientWidth - 24);
  }

  parts() {
    return [h("i", { class: "rail" }), h("i", { class: "cap" })];
  }
}

const KINDS = { "rp-switch": Switch, "rp-choice": Choice, "rp-field": Field, "rp-knob": Knob, "rp-fader": Fader };
for (const [name, kind] of Object.entries({ ...KINDS, "rp-lying": Lying })) customElements.define(name, kind);

/** The control that fits. */
export function made(node) {
  if (node.type === "flag") return new Switch(node);
  if (node.type === "choice") return new Choice(node);
  if (node.type !== "number") return new Field(node);
  return FADERS.test(node.path) ? new Fader(node) : new Knob(node);
}
