// The instruments: whether each plays, what of it sounds, how loud it is and how loud it is to be.

import { bright } from "./colors.js";
import { Lying } from "./controls.js";
import { meant, shows_learning } from "./learn.js";
import { connection, control, entries, hear, say, status, tree } from "./live.js";
import { h, mark, Part, renew, write } from "./part.js";
import { printed } from "./words.js";

const QUIET_DB = -60;
const NO_SOUND_DB = -100;
const LOUD_DB = -3;
const ON = /^(players\/[^/]+|voice)\/on$/;
const VOICE = "voice/on";
const VOICE_COLOR = "#ff7eb3";
const NOBODY = { notes: [] };
const STRONGEST = 127; // a velocity
const HALF_MS = 300; // until a bar is half as long, where no sound is measured but notes are

class Tile extends Part {
  #velocity = 0;
  #struck_ms = 0;

  constructor(node, place) {
    super();
    this.node = node;
    this.place = place;
    this.name = node.path === VOICE ? "Voice" : node.title;
    this.level = node.path === VOICE ? "voice/volume" : node.path.replace(/on$/, "level");
  }

  /** Who plays here, as the daemon tells of it. */
  get player() {
    const { players, voice } = status.value;
    if (this.node.path !== VOICE) return players?.[this.place] ?? NOBODY;
    if (!voice) return NOBODY;
    return { color: VOICE_COLOR, notes: voice.sings ? [voice.sings] : [], peak_db: voice.level_db };
  }

  build() {
    const name = h("span", { class: "name", dir: "auto" }, this.name);
    this.sounds = h("span", { class: "sounds", "aria-hidden": "true" });
    this.state = h("span", { class: "state", "aria-hidden": "true" });
    const number = h("span", { class: "number", "aria-hidden": "true" }, String(this.place + 1));
    this.button = h("button", { type: "button", role: "switch", class: "face", onclick: () => this.turn() });
    mark(this.button, "aria-label", this.name);
    mark(this.button, "data-path", this.node.path);
    this.button.append(h("span", { class: "top" }, number, name, this.state), this.sounds);
    this.bar = h("i");
    this.meter = h("div", { class: "meter", role: "meter" }, this.bar);
    this.append(this.button, this.meter);
    this.#fader();
    shows_learning(this, this, () => this.node.path);
    this.follow(() => this.#draw());
    this.follow(() => {
      const error = control(this.node.path).error.value;
      if (error) say(error, "bad");
    });
  }

  #fader() {
    const node = tree.peek().controls.find((one) => one.path === this.level);
    if (node) this.append(new Lying(node, `${this.name}: level`));
  }

  turn() {
    const told = control(this.node.path);
    meant(this.node.path, () => told.set(!told.shown.peek()));
  }

  #draw() {
    const on = Boolean(control(this.node.path).shown.value);
    const { player } = this;
    const wait_s = entries.value[this.place];
    const sounds = player.notes.length > 0;
    this.style.setProperty("--color", bright(player.color, this.place));
    mark(this.button, "aria-checked", on);
    mark(this.button, "aria-disabled", connection.value !== "live");
    this.toggleAttribute("off", !on);
    this.toggleAttribute("sounding", sounds);
    this.toggleAttribute("entering", !sounds && wait_s !== undefined);
    write(this.state, on ? "ON" : "OFF");
    const hint = wait_s !== undefined ? `in ${wait_s.toFixed(1)} s` : on ? "" : "off";
    write(this.sounds, sounds ? player.notes.map(printed).join(" ") : hint);
    if (typeof player.peak_db === "number") this.#measure(player.peak_db);
    else this.#count_on(this.strength);
  }

  #measure(peak_db) {
    const value = Math.round(Math.max(QUIET_DB, Math.min(0, peak_db)));
    this.bar.toggleAttribute("loud", peak_db > LOUD_DB);
    this.#point("level in dB", [QUIET_DB, value, 0], peak_db <= NO_SOUND_DB ? "silent" : `${value} dB`);
  }

  /** Where no sound is measured: how strongly its last notes were struck. */
  #count_on(strength) {
    this.#point("strength", [0, strength, STRONGEST], strength ? String(strength) : "silent");
  }

  #point(what, [low, value, high], text) {
    this.bar.style.transform = `scaleX(${((value - low) / (high - low)).toFixed(3)})`;
    mark(this.meter, "aria-label", `${this.name}: ${what}`);
    mark(this.meter, "aria-valuemin", low);
    mark(this.meter, "aria-valuemax", high);
    mark(this.meter, "aria-valuenow", value);
    mark(this.meter, "aria-valuetext", text);
  }

  /** A note of its own begins. */
  struck(velocity) {
    this.#velocity = Math.max(velocity, this.strength);
    this.#struck_ms = performance.now();
  }

  /** What is left of that, as a velocity. */
  get strength() {
    return Math.round(this.#velocity * 0.5 ** ((performance.now() - this.#struck_ms) / HALF_MS));
  }
}

class Tiles extends Part {
  build() {
    mark(this, "role", "group");
    mark(this, "aria-label", "Instruments");
    this.follow(() => this.#grow(tree.value.controls));
    hear(({ notes = [] }) => {
      for (const [kind, , place, , velocity] of notes) if (kind === "on") this.children[place]?.struck(velocity);
    });
  }

  #grow(controls) {
    const nodes = controls.filter((one) => ON.test(one.path));
    const here = JSON.stringify(controls.filter((one) => /^(players|voice)\//.test(one.path)));
    if (here === this.here) return;
    this.here = here;
    renew(this, () => this.replaceChildren(...nodes.map((node, place) => new Tile(node, place))));
    mark(this, "data-count", nodes.length);
  }

  /** Turn the instrument of a number on or off, as a key does. */
  turn(place) {
    this.children[place]?.turn();
  }
}

customElements.define("rp-tile", Tile);
customElements.define("rp-tiles", Tiles);
