// The instruments: whether each plays, what of it sounds, how loud it is and how loud it is to be.

import { bright } from "./colors.js";
import { Lying } from "./controls.js";
import { chosen, learning, touched } from "./learn.js";
import { connection, control, status, tree } from "./live.js";
import { h, mark, Part, write } from "./part.js";

const QUIET_DB = -60;
const NO_SOUND_DB = -100;
const LOUD_DB = -3;
const ON = /^players\/[^/]+\/on$/;

class Tile extends Part {
  constructor(node, place) {
    super();
    this.node = node;
    this.place = place;
    this.level = node.path.replace(/on$/, "level");
  }

  get player() {
    return status.value.players?.[this.place];
  }

  build() {
    const name = h("span", { class: "name" }, this.node.title);
    this.sounds = h("span", { class: "sounds", "aria-hidden": "true" });
    this.state = h("span", { class: "state", "aria-hidden": "true" });
    const number = h("span", { class: "number", "aria-hidden": "true" }, String(this.place + 1));
    this.button = h("button", { type: "button", role: "switch", class: "face", onclick: () => this.turn() });
    mark(this.button, "aria-label", this.node.title);
    mark(this.button, "data-path", this.node.path);
    this.button.append(h("span", { class: "top" }, number, name, this.state), this.sounds);
    this.bar = h("i");
    this.meter = h("div", { class: "meter", role: "meter" }, this.bar);
    mark(this.meter, "aria-label", `${this.node.title}: level in dB`);
    mark(this.meter, "aria-valuemin", QUIET_DB);
    mark(this.meter, "aria-valuemax", 0);
    this.append(this.button, this.meter);
    this.#fader();
    this.follow(() => this.#draw());
  }

  #fader() {
    const node = tree.peek().controls.find((one) => one.path === this.level);
    if (node) this.append(new Lying(node, `${this.node.title}: level`));
  }

  turn() {
    if (learning.peek()) touched(this.node.path);
    else control(this.node.path).set(!control(this.node.path).shown.peek());
  }

  #draw() {
    const on = Boolean(control(this.node.path).shown.value);
    const player = this.player ?? { notes: [] };
    this.style.setProperty("--color", bright(player.color, this.place));
    mark(this.button, "aria-checked", on);
    mark(this.button, "aria-disabled", connection.value !== "live");
    this.toggleAttribute("off", !on);
    this.toggleAttribute("sounding", player.notes.length > 0);
    this.toggleAttribute("chosen", learning.value && chosen.value === this.node.path);
    write(this.state, on ? "ON" : "OFF");
    write(this.sounds, player.notes.join(" "));
    this.#measure(player.peak_db);
  }

  #measure(peak_db) {
    this.meter.hidden = typeof peak_db !== "number";
    if (this.meter.hidden) return;
    const share = Math.min(1, Math.max(0, 1 - peak_db / QUIET_DB));
    this.bar.style.transform = `scaleX(${share.toFixed(3)})`;
    this.bar.toggleAttribute("loud", peak_db > LOUD_DB);
    const value = Math.round(Math.max(QUIET_DB, Math.min(0, peak_db)));
    mark(this.meter, "aria-valuenow", value);
    mark(this.meter, "aria-valuetext", peak_db <= NO_SOUND_DB ? "silent" : `${value} dB`);
  }
}

class Tiles extends Part {
  build() {
    mark(this, "role", "group");
    mark(this, "aria-label", "Instruments");
    this.follow(() => this.#grow(tree.value.controls));
  }

  #grow(controls) {
    const nodes = controls.filter((one) => ON.test(one.path));
    const here = JSON.stringify(controls.filter((one) => one.path.startsWith("players/")));
    if (here === this.here) return;
    this.here = here;
    this.replaceChildren(...nodes.map((node, place) => new Tile(node, place)));
    mark(this, "data-count", nodes.length);
  }

  /** Turn the instrument of a number on or off, as a key does. */
  turn(place) {
    this.children[place]?.turn();
  }
}

customElements.define("rp-tile", Tile);
customElements.define("rp-tiles", Tiles);
