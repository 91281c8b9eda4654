// Where the beats were, and where they will be if the clock goes on as it does.

const KEPT = 64;

export class Beats {
  #times = new Float64Array(KEPT); // seconds of the daemon's
  #firsts = new Uint8Array(KEPT); // 1: of a bar
  #count = 0;
  #clock = null;
  #told_s = 0;
  #last = null; // the last beat that was reached

  /** The clock's status, as it is at a time; undefined where there is none. */
  told(clock, at_s) {
    this.#clock = clock?.rolling ? clock : null;
    this.#told_s = at_s;
    if (!this.#clock) this.#last = null;
  }

  /** How many beats there were at a time, as far as one can tell. */
  #position(at_s) {
    return this.#clock.position + ((at_s - this.#told_s) * this.#clock.bpm) / 60;
  }

  /** Time goes on: remember the beats that it passes. */
  pass(now_s) {
    if (!this.#clock) return;
    const beat = Math.floor(this.#position(now_s));
    if (this.#last !== null && beat === this.#last + 1) this.#keep(beat);
    if (this.#last === null || beat > this.#last || beat < this.#last - 1) this.#last = beat;
  }

  #keep(beat) {
    const at = this.#count++ % KEPT;
    this.#times[at] = this.#time(beat);
    this.#firsts[at] = beat % this.#clock.beats === 0 ? 1 : 0;
  }

  #time(beat) {
    return this.#told_s + ((beat - this.#clock.position) * 60) / this.#clock.bpm;
  }

  /** For each beat between two times: act(seconds, whether a bar begins with it). */
  each(from_s, now_s, to_s, act) {
    for (let at = 0; at < Math.min(KEPT, this.#count); at++) {
      if (this.#times[at] >= from_s && this.#times[at] <= now_s) act(this.#times[at], this.#firsts[at] === 1);
    }
    if (!this.#clock) return;
    for (let beat = Math.floor(this.#position(now_s)) + 1; this.#time(beat) < to_s; beat++) {
      act(this.#time(beat), beat % this.#clock.beats === 0);
    }
  }

  forget() {
    this.#count = 0;
    this.#last = null;
  }
}
