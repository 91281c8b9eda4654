// What time it is for the daemon: its driver's frames, which notes are told in, against this browser's clock.

const LEAK = 0.0005; // by so much an estimate falls, in seconds a second, for clocks drift apart
const JUMP_S = 0.5; // beyond this it is no delay of the network, but another driver, or one that stood still

export class Frames {
  rate = 48000;
  #ahead_s = null; // the daemon's seconds less ours
  #heard_ms = 0;

  /** A batch came that was made at this frame. The least delayed ones tell most. Whether time begins anew with it. */
  heard(frame, rate, at_ms = performance.now()) {
    this.rate = rate;
    const ahead_s = frame / rate - at_ms / 1000;
    const before = this.#ahead_s;
    const anew = before === null || Math.abs(ahead_s - before) > JUMP_S;
    this.#ahead_s = anew ? ahead_s : Math.max(ahead_s, before - ((at_ms - this.#heard_ms) / 1000) * LEAK);
    this.#heard_ms = at_ms;
    return anew;
  }

  /** Seconds of the daemon's, now; 0 before anything was heard. */
  now_s(at_ms = performance.now()) {
    return this.#ahead_s === null ? 0 : at_ms / 1000 + this.#ahead_s;
  }

  seconds(frame) {
    return frame / this.rate;
  }
}
