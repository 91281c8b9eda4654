// The head of the page: what is heard, how well it goes, whether we are connected, and PANIC.

import { learning, meant, shows_learning, touched } from "./learn.js";
import { act, connection, panic, say, status, tree } from "./live.js";
import { h, mark, Part, write } from "./part.js";
import { Signal } from "./store.js";
import { lasted, printed } from "./words.js";

const TOLD_MS = 2500; // how long it says that a panic was heard
const QUIET_DB = -60;
const LOUD_DB = -3;
const LENGTHS = [10, 7, 4]; // letters of a chord from which on it is written smaller
const MANY = 10000; // from which on notes and the like are counted by thousands
const SHORT = new Intl.NumberFormat("en", { notation: "compact" });
const PANIC = "panic";
const TAPS = ["clock/tap", "band/tap"];
const BUSY = 0.7; // a load from which on it is yellow
const FULL = 0.9; // and red

class Connection extends Part {
  build() {
    const texts = { connecting: "Connecting", live: "Connected", lost: "No connection", unpaired: "Not paired" };
    mark(this, "role", "status");
    this.follow(() => {
      mark(this, "data-state", connection.value);
      const link = connection.value === "unpaired" ? h("a", { href: "/pair" }, "Pair this device") : null;
      this.replaceChildren(...(link ? [link] : [texts[connection.value]]));
    });
  }
}

/** That it records, and for how long. */
class Recording extends Part {
  build() {
    this.follow(() => {
      const { path = "", seconds = 0 } = status.value.recording ?? {};
      this.hidden = !path;
      write(this, `● REC ${lasted(seconds)}`);
    });
  }
}

/** When a finger comes, not when it leaves, as for a click; by keyboard, too. */
function at_once(button, act_now) {
  button.addEventListener("pointerdown", (event) => event.button === 0 && act_now());
  button.addEventListener("click", (event) => event.detail === 0 && act_now());
}

/** A label above something large. */
function box(name, what, ...inside) {
  return h("div", { class: `box ${name}` }, h("span", { class: "label" }, what), ...inside);
}

class Heard extends Part {
  build() {
    const [chord, key, tempo, beats] = ["chord", "key", "tempo", "beats"].map(() => h("span", { class: "big" }));
    mark(this, "role", "group");
    mark(this, "aria-label", "What is heard");
    mark(beats, "class", "beats");
    mark(beats, "role", "img");
    this.beats = beats;
    this.append(box("chord", "Chord", chord), box("key", "Key", key), this.#tapped(tempo, beats));
    this.follow(() => {
      const { chord: name = "", key: tonic = "", clock, band } = status.value;
      const bpm = clock?.bpm ?? band?.tempo;
      write(chord, printed(name) || "–");
      mark(chord, "data-long", LENGTHS.filter((one) => name.length > one).length);
      write(key, printed(tonic) || "–");
      write(tempo, bpm ? bpm.toFixed(1) : "–");
      this.#bar(clock);
    });
  }

  /** The tempo; where it can be tapped, by touching it. */
  #tapped(tempo, beats) {
    const button = h("button", { type: "button", class: "tap", "aria-label": "Tap the tempo" });
    at_once(button, tap);
    shows_learning(this, button, () => tap_path() ?? "");
    const whole = box("tempo", "Tempo", tempo, beats, button);
    this.follow(() => {
      button.hidden = !tap_path(tree.value);
      write(whole.firstChild, button.hidden ? "Tempo" : "Tempo · tap");
    });
    return whole;
  }

  connectedCallback() {
    super.connectedCallback();
    this.asked = requestAnimationFrame(() => this.#tick());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    cancelAnimationFrame(this.asked);
  }

  #bar(clock) {
    this.clock = clock;
    this.told_at = performance.now();
    this.beats.hidden = !clock;
    const count = clock?.beats ?? 0;
    const here = this.beats.childElementCount === count;
    if (!here) this.beats.replaceChildren(...Array.from({ length: count }, () => h("i")));
    mark(this.beats, "aria-label", clock ? `${count} beats to the bar, ${clock.source}, ${clock.state}` : "no clock");
  }

  /** Between two of its words the beat goes on. */
  #tick() {
    this.asked = requestAnimationFrame(() => this.#tick());
    const { clock } = this;
    if (!clock || connection.peek() !== "live") return;
    const gone = clock.rolling ? ((performance.now() - this.told_at) / 60000) * clock.bpm : 0;
    const beat = clock.rolling ? Math.floor(clock.position + gone) % clock.beats : -1;
    if (beat === this.beat) return;
    this.beat = beat;
    [...this.beats.children].forEach((one, at) => one.toggleAttribute("now", at === beat));
  }
}

const unheard = new Signal(false); // that the last PANIC was heard by nobody

function tap_path({ actions } = tree.peek()) {
  return TAPS.find((path) => actions.some((one) => one.path === path));
}

/** Tap the beat, to whoever follows it. */
export function tap() {
  const path = tap_path();
  if (path) meant(path, act);
}

function state_of(load) {
  return load >= FULL ? "full" : load >= BUSY ? "busy" : "fine";
}

class Health extends Part {
  build() {
    mark(this, "role", "group");
    mark(this, "aria-label", "How the machine keeps up");
    this.bar = h("i");
    this.load = h("span", { class: "figure" });
    const most = h("b", { title: "The highest since the start" });
    const told = { class: "meter", role: "meter", "aria-label": "Load", "aria-valuemin": 0 };
    const meter = h("div", told, this.bar, most);
    mark(meter, "aria-valuemax", 100);
    const [late, xruns] = [0, 0].map(() => h("span", { class: "figure" }));
    this.append(this.#loudness(), box("load", "Load", this.load, meter));
    this.append(box("late", "Late", late), box("xruns", "Xruns", xruns));
    this.follow(() => {
      const { load = 0, load_max = 0 } = status.value;
      write(this.load, `${Math.round(load * 100)}%`);
      this.bar.style.transform = `scaleX(${Math.min(1, load).toFixed(3)})`;
      mark(this.bar, "data-state", state_of(load));
      mark(most, "data-state", state_of(load_max));
      most.style.left = `${Math.min(100, Math.round(load_max * 100))}%`;
      mark(meter, "aria-valuenow", Math.min(100, Math.round(load * 100)));
      this.#count(late, status.value.late ?? 0);
      this.#count(xruns, status.value.xruns ?? 0);
    });
  }

  /** Of all that sounds, where plugins do. */
  #loudness() {
    const bar = h("i");
    const figure = h("span", { class: "figure" });
    const meter = h("div", { class: "meter", role: "meter", "aria-label": "Output level in dB" }, bar);
    mark(meter, "aria-valuemin", QUIET_DB);
    mark(meter, "aria-valuemax", 0);
    const whole = box("out", "Out dB", figure, meter);
    this.follow(() => {
      const peak_db = status.value.chains?.peak_db;
      whole.hidden = typeof peak_db !== "number";
      if (whole.hidden) return;
      const near_db = Math.min(0, Math.max(QUIET_DB, peak_db));
      write(figure, near_db.toFixed(0).replace("-", "−"));
      bar.style.transform = `scaleX(${(1 - near_db / QUIET_DB).toFixed(3)})`;
      bar.toggleAttribute("loud", peak_db > LOUD_DB);
      mark(meter, "aria-valuenow", Math.round(near_db));
    });
    return whole;
  }

  #count(element, value) {
    write(element, value < MANY ? String(value) : SHORT.format(value));
    element.toggleAttribute("bad", value > 0);
  }
}

class Panic extends Part {
  presses = 0;

  build() {
    this.button = h("button", { type: "button", id: "panic" }, "PANIC");
    at_once(this.button, () => this.press());
    this.says = h("span", { class: "said", role: "alert" });
    this.append(this.button, this.says);
    shows_learning(this, this.button, () => PANIC);
  }

  /** Silence, even while it learns. It says whether that was heard, and does so until it is pressed again where it was
   * not. */
  async press() {
    if (learning.peek()) touched(PANIC);
    clearTimeout(this.over);
    mark(this, "data-state", "asking");
    write(this.says, "…");
    const press = ++this.presses;
    const heard = await panic();
    if (press !== this.presses) return; // the last one counts
    unheard.value = !heard;
    mark(this, "data-state", heard ? "heard" : "unheard");
    write(this.says, heard ? "Silenced" : "NOT HEARD");
    if (!heard) say("PANIC was not heard: nobody answers. Press again, or silence the instruments by hand", "bad");
    else this.over = setTimeout(() => this.#rest(), TOLD_MS);
  }

  #rest() {
    mark(this, "data-state", "");
    write(this.says, "");
  }
}

/** What must not be overlooked from two metres: that nobody is there, or that nobody heard PANIC. */
class Alarm extends Part {
  build() {
    mark(this, "aria-hidden", true); // the connection and PANIC say it themselves
    const what = h("b");
    const more = h("span");
    this.append(what, more);
    this.follow(() => {
      const cut = connection.value === "lost" || connection.value === "unpaired";
      if (!cut) this.since = null;
      else this.since ??= new Date().toLocaleTimeString();
      this.hidden = !cut && !unheard.value;
      const lost = connection.value === "unpaired" ? "NOT PAIRED" : "NO CONNECTION";
      write(what, unheard.value ? "PANIC NOT HEARD" : lost);
      const advice = unheard.value ? "Press it again, or silence the instruments by hand. " : "";
      write(more, advice + (cut ? `All is shown as at ${this.since}.` : ""));
    });
  }
}

customElements.define("rp-connection", Connection);
customElements.define("rp-recording", Recording);
customElements.define("rp-heard", Heard);
customElements.define("rp-health", Health);
customElements.define("rp-panic", Panic);
customElements.define("rp-alarm", Alarm);
