// What time it is for the daemon: its driver's frames, which notes are told in, against this browser's clock.

const LEAK = 0.0005; // by so much an estimate falls, in seconds a second, for clocks drift apart
const BACK_S = 0.5; // what lies so far behind what was told before is another driver's time
const LATE_S = 0.5; // beyond this a word is no longer delayed as usual:
const STOOD_MS = 2000; // where all are, for so long, it is no stumble of the network's; the driver stood still

export class Frames {
  rate = 48000;
  #frame = null; // the last one that was told
  #ahead_s = null; // the daemon's seconds less ours
  #heard_ms = 0;
  #late_ms = null; // since when all words have come late

  /** Another line, perhaps to another daemon. */
  forget() {
    this.#frame = this.#ahead_s = this.#late_ms = null;
  }

  /** A batch came that was made at this frame. The least delayed ones tell most. Whether time begins anew with it. */
  heard(frame, rate, at_ms = performance.now()) {
    const anew = this.#frame !== null && (this.#frame - frame) / rate > BACK_S;
    if (anew) this.forget();
    this.#frame = frame;
    this.rate = rate;
    this.#ahead_s = this.#estimate(frame / rate - at_ms / 1000, at_ms);
    this.#heard_ms = at_ms;
    return anew;
  }

  #estimate(ahead_s, at_ms) {
    if (this.#ahead_s === null) return ahead_s;
    const before_s = this.#ahead_s - ((at_ms - this.#heard_ms) / 1000) * LEAK;
    this.#late_ms = before_s - ahead_s > LATE_S ? (this.#late_ms ?? at_ms) : null;
    const stood = this.#late_ms !== null && at_ms - this.#late_ms > STOOD_MS;
    return stood ? ahead_s : Math.max(ahead_s, before_s);
  }

  /** Seconds of the daemon's, now; 0 before anything was heard. */
  now_s(at_ms = performance.now()) {
    return this.#ahead_s === null ? 0 : at_ms / 1000 + this.#ahead_s;
  }

  seconds(frame) {
    return frame / this.rate;
  }
}
