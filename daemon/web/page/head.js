// The head of the page: what is heard, how well it goes, whether we are connected, and PANIC.

import { act, connection, panic, say, status, tree } from "./live.js";
import { h, mark, Part, write } from "./part.js";
import { lasted, printed } from "./words.js";

const TOLD_MS = 2500; // how long it says that a panic was heard
const QUIET_DB = -60;
const LOUD_DB = -3;
const LONG = 4; // letters of a chord, from which on a phone writes them smaller
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
      document.body.toggleAttribute("cut", connection.value !== "live");
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
      chord.toggleAttribute("long", name.length > LONG);
      write(key, printed(tonic) || "–");
      write(tempo, bpm ? bpm.toFixed(1) : "–");
      this.#bar(clock);
    });
  }

  /** The tempo; where it can be tapped, by touching it. */
  #tapped(tempo, beats) {
    const button = h("button", { type: "button", class: "tap", "aria-label": "Tap the tempo" });
    at_once(button, tap);
    const whole = box("tempo", "Tempo", tempo, beats, button);
    this.follow(() => {
      button.hidden = !tree.value.actions.some((one) => TAPS.includes(one.path));
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

/** Tap the beat, to whoever follows it. */
export function tap() {
  const there = tree.peek().actions.map((one) => one.path);
  const path = TAPS.find((one) => there.includes(one));
  if (path) act(path);
}

class Health extends Part {
  build() {
    mark(this, "role", "group");
    mark(this, "aria-label", "How the machine keeps up");
    this.bar = h("i");
    this.load = h("span", { class: "figure" });
    const meter = h("div", { class: "meter", role: "meter", "aria-label": "Load", "aria-valuemin": 0 }, this.bar);
    mark(meter, "aria-valuemax", 100);
    const [late, xruns] = [0, 0].map(() => h("span", { class: "figure" }));
    this.append(this.#loudness(), box("load", "Load", this.load, meter));
    this.append(box("late", "Late", late), box("xruns", "Xruns", xruns));
    this.follow(() => {
      const { load = 0, load_max = 0 } = status.value;
      write(this.load, `${Math.round(load * 100)}%`);
      this.bar.style.transform = `scaleX(${Math.min(1, load).toFixed(3)})`;
      mark(this.bar, "data-state", load_max >= FULL ? "full" : load_max >= BUSY ? "busy" : "fine");
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
    const whole = box("out", "Out", figure, meter);
    this.follow(() => {
      const peak_db = status.value.chains?.peak_db;
      whole.hidden = typeof peak_db !== "number";
      if (whole.hidden) return;
      const near_db = Math.min(0, Math.max(QUIET_DB, peak_db));
      write(figure, `${near_db.toFixed(0).replace("-", "−")} dB`);
      bar.style.transform = `scaleX(${(1 - near_db / QUIET_DB).toFixed(3)})`;
      bar.toggleAttribute("loud", peak_db > LOUD_DB);
      mark(meter, "aria-valuenow", Math.round(near_db));
    });
    return whole;
  }

  #count(element, value) {
    write(element, String(value));
    element.toggleAttribute("bad", value > 0);
  }
}

class Panic extends Part {
  build() {
    this.button = h("button", { type: "button", id: "panic" }, "PANIC");
    at_once(this.button, () => this.press());
    this.says = h("span", { class: "said", role: "alert" });
    this.append(this.button, this.says);
  }

  /** Silence. It says whether that was heard, and does so until it is pressed again where it was not. */
  async press() {
    clearTimeout(this.over);
    mark(this, "data-state", "asking");
    const heard = await panic();
    mark(this, "data-state", heard ? "heard" : "unheard");
    write(this.says, heard ? "Silenced" : "NOT HEARD – press again");
    if (!heard) say("PANIC was not heard: nobody answers. Press again, or silence the instruments by hand", "bad");
    else this.over = setTimeout(() => this.#rest(), TOLD_MS);
  }

  #rest() {
    mark(this, "data-state", "");
    write(this.says, "");
  }
}

customElements.define("rp-connection", Connection);
customElements.define("rp-recording", Recording);
customElements.define("rp-heard", Heard);
customElements.define("rp-health", Health);
customElements.define("rp-panic", Panic);
