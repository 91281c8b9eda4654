// The piano roll: what sounds, scrolling to the left; what is settled to come, ahead of "now"; the player's keys below.
//
// A canvas of its own holds the past as a ring of columns: a note is drawn into it once, as its columns come by, so
// that a frame costs two copies, not thousands of rectangles. The newest columns are drawn anew in each frame, for what
// belongs to them may be told a little late; what is told later still is mended in the ring.

import { Beats } from "./beats.js";
import { bright } from "./colors.js";
import { Frames } from "./frames.js";
import { connection, entries, hear, status } from "./live.js";
import { KEY, Notes, THRU, VOICE } from "./notes.js";
import { h, mark, Part, write } from "./part.js";

const PAST_S = 8;
const AHEAD_S = 3; // where something is planned
const MARGIN_S = 0.5; // else
const SETTLED_S = 0.3; // columns older than this are not drawn again
const LOW = 57;
const HIGH = 76; // shown at least
const STEP = 4; // semitones by which more are shown
const KEYS_LOW = 48;
const KEYS_HIGH = 72;
const KEYS_SHARE = 0.2; // of the height: the player's
const AXIS_PX = 44; // for the names of pitches
const RESTS = 10; // the voice is silent at a consonant, too, in the midst of a note
const CALM = matchMedia("(prefers-reduced-motion: reduce)");
const CALM_MS = 500; // between two pictures, for whom moving ones harm
const MOST_DOTS = 2; // pixels of the canvas to one of the page's
const NAME_PX = 15;
const KEY_PX = 7; // how high keys are drawn, and below them how long their notes last
const HELD_PX = 5;
const HELD_SHINE = 0.6;
const KINDS = { key: KEY };
const VOICE_COLOR = "#ff7eb3";
const PLAYER_COLOR = "#e8edf3";
const NOW_COLOR = "#ffffff";
const LINE_COLOR = "#9fb4c8";
const BAR_SHINE = 0.38;
const BEAT_SHINE = 0.14;
const BLACKS = new Set([1, 3, 6, 8, 10]);

class Roll extends Part {
  notes = new Notes();
  frames = new Frames();
  beats = new Beats();
  plan = [];
  drawn = 0; // notes that were settled in the ring, for who tests that none is lost
  pictures = 0;
  shown_ms = 0;
  rests = 0; // times in a row that it was told that the voice is silent

  build() {
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.says = h("p", { class: "unseen", id: "roll-says" });
    mark(this, "role", "group");
    mark(this, "aria-label", "Piano roll");
    mark(this, "aria-describedby", "roll-says");
    this.append(this.canvas, this.says);
    this.pen = this.canvas.getContext("2d", { alpha: false });
    this.past = document.createElement("canvas");
    this.ink = this.past.getContext("2d", { alpha: false });
    this.grid = document.createElement("canvas");
    for (const one of [this.canvas, this.past, this.grid]) one.oncontextrestored = () => this.#fit(); // after sleep
    this.keys = [KEYS_LOW, KEYS_HIGH]; // pitches that are shown of the player's
    this.#fold(LOW, HIGH);
    this.colors = [];
    this.follow(() => this.#dress(status.value));
    this.follow(() => this.toggleAttribute("dim", connection.value !== "live"));
  }

  connectedCallback() {
    super.connectedCallback();
    this.unhear = hear((batch) => this.#hear(batch));
    this.watch = new ResizeObserver(() => this.#fit());
    this.watch.observe(this);
    this.#fit();
    this.asked = requestAnimationFrame(() => this.#tick());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.unhear();
    this.watch.disconnect();
    cancelAnimationFrame(this.asked);
  }

  // ---- what is told ----

  #hear(batch) {
    if (batch.fresh) this.frames.forget();
    const anew = batch.now && this.frames.heard(batch.now[0], batch.now[1]);
    if (batch.fresh || anew) this.#forget();
    for (const note of batch.notes ?? []) this.#note(note);
    if (batch.plan) this.#foresee(batch.plan);
    if (!batch.status || !batch.now) return;
    this.#agree(batch.status);
    this.#announce();
    this.beats.told(batch.status.clock, this.frames.seconds(batch.now[0]));
  }

  /** What was told belongs to another time. */
  #forget() {
    this.notes.clear();
    this.beats.forget();
    this.plan = [];
    this.#again();
  }

  #note([kind, frame, instrument, pitch, velocity, , band, source]) {
    const { notes } = this;
    const at_s = this.frames.seconds(frame);
    const owner = KINDS[kind] ?? instrument;
    if (kind === "off" || kind === "move") this.#settle(notes.end(at_s, kind === "move" ? source : owner, pitch));
    if (kind === "off") return;
    const own = !band && owner !== VOICE;
    this.#late(notes.begin(at_s, owner, pitch, velocity, own));
    if (own) this.#fold_keys(pitch);
    if (owner !== KEY) this.#fold(pitch, pitch);
  }

  /** A note was told when the columns that it began in were already drawn. */
  #late(at) {
    if (this.column === null) return;
    const from = Math.max(this.column - this.past.width, Math.floor(this.notes.on[at] * this.speed));
    if (from < this.column) this.#settle_part(at, from, this.column);
  }

  /** What it says of who sounds goes before what we have heard: a panic ends notes without a word. */
  #agree({ players = [], voice }) {
    const now_s = this.frames.now_s();
    players.forEach((one, place) => {
      if (!one.notes.length) this.notes.silence(now_s, place);
    });
    this.rests = voice?.sings ? 0 : this.rests + 1;
    if (this.rests >= RESTS) this.notes.silence(now_s, VOICE);
    if (players.every((one) => !one.notes.length)) this.notes.silence(now_s, THRU);
  }

  /** When those come in who are silent now. */
  #announce() {
    const now_s = this.frames.now_s();
    const found = {};
    for (const [on, , instrument] of this.plan) {
      const wait_s = this.frames.seconds(on) - now_s;
      const silent = !this.notes.sounding[instrument - KEY];
      if (wait_s > 0 && silent) found[instrument] = Math.min(wait_s, found[instrument] ?? wait_s);
    }
    entries.value = found;
  }

  #foresee(plan) {
    this.plan = plan;
    for (const [, , , pitch] of plan) this.#fold(pitch, pitch);
    if (plan.length && !this.ahead) {
      this.ahead = true;
      this.#fit();
    }
  }

  #dress({ players = [], band }) {
    const colors = players.map((one, place) => bright(one.color, place));
    if (colors.join() !== this.colors.join()) {
      this.colors = colors;
      this.#again();
    }
    if (Boolean(band) !== Boolean(this.ahead) && !this.plan.length) {
      this.ahead = Boolean(band);
      this.#fit();
    }
    const who = players.filter((one) => one.notes.length).map((one) => `${one.name} ${one.notes.join(" ")}`);
    write(this.says, who.length ? `Sounding: ${who.join("; ")}` : "Nothing sounds");
  }

  // ---- where things are ----

  /** Let these pitches be shown, and a little more, so that not every new one moves all. */
  #fold(low, high) {
    if (low >= this.low && high <= this.high) return;
    this.low = Math.min(this.low ?? low, Math.max(0, Math.floor((low - 1) / STEP) * STEP));
    this.high = Math.max(this.high ?? high, Math.min(127, Math.ceil((high + 1) / STEP) * STEP));
    this.#fit();
  }

  #fold_keys(pitch) {
    const [low, high] = this.keys;
    if (pitch >= low && pitch <= high) return;
    this.keys = [Math.min(low, pitch), Math.max(high, pitch)];
    this.#again();
  }

  #fit() {
    const dots = Math.min(MOST_DOTS, devicePixelRatio);
    const width = Math.round(this.clientWidth * dots);
    const height = Math.round(this.clientHeight * dots);
    if (!width || !height) return;
    this.dots = dots;
    Object.assign(this.canvas, { width, height });
    this.axis = AXIS_PX * dots;
    const room = width - this.axis;
    this.speed = room / (PAST_S + (this.ahead ? AHEAD_S : MARGIN_S)); // pixels a second
    this.now_x = this.axis + Math.round(PAST_S * this.speed);
    Object.assign(this.past, { width: this.now_x - this.axis, height });
    this.split = Math.round(height * (1 - KEYS_SHARE));
    this.row = this.split / (this.high - this.low + 1);
    this.#rule();
    this.#again();
  }

  #top(pitch) {
    return Math.round((this.high - pitch) * this.row);
  }

  #key_top(pitch) {
    const [low, high] = this.keys;
    const margin = 8 * this.dots;
    const room = this.canvas.height - this.split - 2 * margin;
    return this.split + margin + Math.round(((high - pitch) / (high - low)) * room);
  }

  /** What stands still: rows, octaves and their names. A column of the rows is the past's ground. */
  #rule() {
    const { width, height } = this.canvas;
    Object.assign(this.grid, { width, height });
    const pen = this.grid.getContext("2d", { alpha: false });
    pen.fillStyle = "#0f1317";
    pen.fillRect(0, 0, width, height);
    for (let pitch = this.low; pitch <= this.high; pitch++) {
      const top = this.#top(pitch);
      pen.fillStyle = BLACKS.has(pitch % 12) ? "#0b0e12" : "#12171d";
      pen.fillRect(0, top, width, this.#top(pitch - 1) - top);
      if (pitch % 12 === 0) {
        pen.fillStyle = "#2b3440";
        pen.fillRect(0, this.#top(pitch - 1) - 1, width, this.dots);
      }
    }
    pen.fillStyle = "#0a0c0f";
    pen.fillRect(0, this.split, width, height - this.split);
    pen.fillStyle = "#3a4552";
    pen.fillRect(0, this.split, width, 2 * this.dots);
    this.#name(pen);
  }

  #name(pen) {
    pen.font = `600 ${NAME_PX * this.dots}px system-ui, sans-serif`;
    pen.textBaseline = "alphabetic";
    pen.fillStyle = "#aab4c0";
    for (let pitch = Math.ceil(this.low / 12) * 12; pitch <= this.high; pitch += 12) {
      const foot = this.#top(pitch - 1) - 4 * this.dots;
      if (foot > NAME_PX * this.dots) pen.fillText(`C${pitch / 12 - 1}`, 8 * this.dots, foot);
    }
    pen.fillText("You", 8 * this.dots, this.split + 20 * this.dots);
  }

  // ---- drawing ----

  /** The past is to be drawn as a whole. */
  #again() {
    this.column = null;
  }

  #tick() {
    this.asked = requestAnimationFrame(() => this.#tick());
    const at_ms = performance.now();
    if (!this.speed || (CALM.matches && at_ms - this.shown_ms < CALM_MS)) return;
    this.shown_ms = at_ms;
    this.pictures++;
    const now_s = this.frames.now_s();
    this.beats.pass(now_s);
    this.#advance(now_s - SETTLED_S);
    this.#show(now_s);
  }

  /** Draw the columns up to a time into the ring. */
  #advance(to_s) {
    const column = Math.floor(to_s * this.speed);
    const { width } = this.past;
    if (this.column === null || column - this.column > width || column < this.column) this.column = column - width;
    if (column === this.column) return;
    const from = this.column;
    this.column = column;
    this.#ground(from, column);
    this.#each(from / this.speed, column / this.speed, (at) => this.#settle_part(at, from, column));
    this.drawn = this.notes.count;
  }

  /** A note's end was told when the columns that it ended in were already drawn: so it sounded there. */
  #settle(at) {
    if (at < 0 || this.column === null) return;
    const end = Math.max(this.column - this.past.width, Math.ceil(this.notes.off[at] * this.speed));
    if (end < this.column) this.#take_back(at, end, this.column);
  }

  #wrap(column) {
    const { width } = this.past;
    return ((column % width) + width) % width;
  }

  /** Do something for the stretches of the ring that columns stand in. */
  #stretches(from, to, act) {
    const { width } = this.past;
    for (let at = from; at < to;) {
      const x = this.#wrap(at);
      const wide = Math.min(to - at, width - x);
      act(x, wide);
      at += wide;
    }
  }

  #ground(from, to) {
    const { height } = this.past;
    this.#stretches(from, to, (x, wide) => this.ink.drawImage(this.grid, this.axis, 0, 1, height, x, 0, wide, height));
  }

  /** Take away what was drawn of a note, and draw again what others have there. */
  #take_back(at, from, to) {
    const { ink } = this;
    const rows = [this.#band(at), [this.#key_top(this.notes.pitch[at]), HELD_PX * this.dots]];
    ink.save();
    ink.beginPath();
    for (const [top, high] of rows) this.#stretches(from, to, (x, wide) => ink.rect(x, top, wide, high));
    ink.clip();
    this.#ground(from, to);
    this.#each(from / this.speed, to / this.speed, (other) => this.#settle_part(other, from, to));
    ink.restore();
  }

  #settle_part(at, from, to) {
    const { on, off } = this.notes;
    const begin = Math.max(from, Math.round(on[at] * this.speed));
    const end = Math.min(to, Math.max(begin + this.dots, Math.round(off[at] * this.speed)));
    if (end > begin) this.#stretches(begin, end, (x, wide) => this.#stroke(this.ink, at, x, wide));
  }

  /** All notes that sound between two times (seconds). They stand in the order in which they were told. */
  #each(from_s, to_s, act) {
    const { notes } = this;
    for (let one = notes.oldest; one < notes.count; one++) {
      const at = one % notes.size;
      if (notes.on[at] < to_s && notes.off[at] >= from_s) act(at);
    }
  }

  /** Top and height of a note's row. */
  #band(at) {
    const pitch = this.notes.pitch[at];
    if (this.notes.owner[at] === KEY) return [this.#key_top(pitch) - this.dots, KEY_PX * this.dots];
    const top = this.#top(pitch);
    return [top, Math.max(3 * this.dots, this.#top(pitch - 1) - top - this.dots)];
  }

  #color(owner) {
    return owner === VOICE ? VOICE_COLOR : (this.colors[owner] ?? PLAYER_COLOR);
  }

  #stroke(pen, at, x, wide) {
    const { owner, velocity, own, pitch } = this.notes;
    const [top, high] = this.#band(at);
    pen.globalAlpha = owner[at] === KEY ? 1 : 0.55 + (0.45 * velocity[at]) / 127;
    pen.fillStyle = this.#color(owner[at]);
    pen.fillRect(x, top, wide, high);
    if (own[at] && owner[at] !== KEY) {
      pen.globalAlpha = HELD_SHINE;
      pen.fillStyle = PLAYER_COLOR;
      pen.fillRect(x, this.#key_top(pitch[at]), wide, HELD_PX * this.dots);
    }
    pen.globalAlpha = 1;
  }

  #show(now_s) {
    const { pen, past, axis } = this;
    const edge = this.now_x - Math.round(now_s * this.speed); // x of the column 0
    const settled = this.column + edge;
    let x = axis;
    this.#stretches(axis - edge, this.column, (from, wide) => {
      pen.drawImage(past, from, 0, wide, past.height, x, 0, wide, past.height);
      x += wide;
    });
    this.#copy_grid(0, axis);
    this.#copy_grid(settled, this.canvas.width);
    this.#fresh(settled, edge, now_s);
    this.#beat(now_s);
    this.#ahead(edge, now_s);
    pen.fillStyle = NOW_COLOR;
    pen.fillRect(this.now_x - this.dots, 0, 2 * this.dots, this.canvas.height);
  }

  #copy_grid(from, to) {
    const { height } = this.grid;
    this.pen.drawImage(this.grid, from, 0, to - from, height, from, 0, to - from, height);
  }

  /** Lines at the beats, brighter where a bar begins. */
  #beat(now_s) {
    const { pen, canvas, axis, now_x, speed, dots } = this;
    pen.fillStyle = LINE_COLOR;
    const [before_s, after_s] = [now_s - (now_x - axis) / speed, now_s + (canvas.width - now_x) / speed];
    this.beats.each(before_s, now_s, after_s, (at_s, first) => {
      pen.globalAlpha = first ? BAR_SHINE : BEAT_SHINE;
      pen.fillRect(Math.round(now_x + (at_s - now_s) * speed), 0, dots, canvas.height);
    });
    pen.globalAlpha = 1;
  }

  /** What is not settled yet, up to now. */
  #fresh(settled, edge, now_s) {
    const { notes } = this;
    this.#each((settled - edge) / this.speed, now_s, (at) => {
      const begin = Math.max(settled, Math.round(notes.on[at] * this.speed) + edge);
      const end = Math.min(this.now_x, Math.max(begin + this.dots, Math.round(notes.off[at] * this.speed) + edge));
      if (end > begin) this.#stroke(this.pen, at, begin, end - begin);
      if (notes.off[at] === Infinity) this.#glow(at);
    });
  }

  /** A note that sounds now has a head on the line. */
  #glow(at) {
    const [top, high] = this.#band(at);
    this.pen.fillStyle = this.#color(this.notes.owner[at]);
    this.pen.fillRect(this.now_x - 5 * this.dots, top - this.dots, 10 * this.dots, high + 2 * this.dots);
  }

  /** What is settled to come, as outlines that will be filled. */
  #ahead(edge, now_s) {
    const { pen } = this;
    const from = now_s * this.frames.rate;
    for (const [on, off, instrument, pitch] of this.plan) {
      if (off <= from) continue;
      const begin = Math.max(this.now_x, Math.round((on / this.frames.rate) * this.speed) + edge);
      const wide = Math.max(3 * this.dots, Math.round((off / this.frames.rate) * this.speed) + edge - begin);
      const top = this.#top(pitch);
      const high = Math.max(3 * this.dots, this.#top(pitch - 1) - top - this.dots);
      pen.fillStyle = pen.strokeStyle = this.#color(instrument);
      pen.globalAlpha = 0.3;
      pen.fillRect(begin, top, wide, high);
      pen.globalAlpha = 1;
      pen.lineWidth = this.dots;
      pen.strokeRect(begin + this.dots / 2, top + this.dots / 2, wide - this.dots, high - this.dots);
    }
  }
}

customElements.define("rp-roll", Roll);
