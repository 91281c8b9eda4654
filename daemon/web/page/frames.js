// What time it is for the daemon: its driver's frames, which notes are told in, against this browser's clock.

const LEAK = 0.0005; // by so much an estimate falls, in seconds a second, for clocks drift apart
const JUMP_S = 0.5; // beyond this it is no delay of the network, but another driver, or one that stood still
const BUSY_MS = 2000; // unless it is over by then: what waits in a browser that is busy comes late, too
const FAR_S = 10; // which is nobody's delay

export class Frames {
  rate = 48000;
  #ahead_s = null; // the daemon's seconds less ours
  #heard_ms = 0;
  #late_ms = null; // since when all is told late

  /** Another line, perhaps to another daemon. */
  forget() {
    this.#ahead_s = null;
  }

  /** A batch came that was made at this frame. The least delayed ones tell most. Whether time has jumped. */
  heard(frame, rate, at_ms = performance.now()) {
    this.rate = rate;
    const ahead_s = frame / rate - at_ms / 1000;
    const before = this.#ahead_s;
    const jumped = before !== null && this.#jumped(ahead_s - before, at_ms);
    const anew = before === null || jumped;
    this.#ahead_s = anew ? ahead_s : Math.max(ahead_s, before - ((at_ms - this.#heard_ms) / 1000) * LEAK);
    this.#heard_ms = at_ms;
    return jumped;
  }

  /** Whether a difference of so many seconds is a jump. Nothing comes too early, but much comes late for a while. */
  #jumped(by_s, at_ms) {
    if (by_s >= -JUMP_S) this.#late_ms = null;
    else this.#late_ms ??= at_ms;
    return by_s > JUMP_S || by_s < -FAR_S || (this.#late_ms !== null && at_ms - this.#late_ms > BUSY_MS);
  }

  /** Seconds of the daemon's, now; 0 before anything was heard. */
  now_s(at_ms = performance.now()) {
    return this.#ahead_s === null ? 0 : at_ms / 1000 + this.#ahead_s;
  }

  seconds(frame) {
    return frame / this.rate;
  }
}
