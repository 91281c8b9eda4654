// The notes of the last seconds, in typed arrays that are written round and round: memory stays as it is.

export const KEY = -3; // whose note it is, beside the ensemble's places: a key of the player's,
export const VOICE = -2; // the voice that sings along,
export const THRU = -1; // or nobody's, passed on as it came
const LOWEST = KEY;
const OWNERS = 16 - LOWEST;
const PITCHES = 128;
const KEY_S = 0.08; // how long a key is drawn: the daemon tells when it went down, its notes how long they last
const NONE = -1;

export class Notes {
  constructor(size = 1 << 15) {
    this.size = size;
    this.on = new Float64Array(size); // seconds of the daemon's
    this.off = new Float64Array(size); // Infinity while it sounds
    this.owner = new Int8Array(size);
    this.pitch = new Uint8Array(size);
    this.velocity = new Uint8Array(size);
    this.own = new Uint8Array(size); // 1: the player's, not the continuation's
    this.count = 0; // of all there ever were; the newest stands at (count - 1) % size
    this.#before = new Int32Array(size); // of those that sound on one pitch of one owner, the one before
    this.#last = new Int32Array(OWNERS * PITCHES).fill(NONE);
    this.sounding = new Int32Array(OWNERS); // notes, by owner - KEY
  }

  #before;
  #last;

  #place(owner, pitch) {
    return (owner - LOWEST) * PITCHES + pitch;
  }

  /** Where the oldest one that is still known stands in the count. */
  get oldest() {
    return Math.max(0, this.count - this.size);
  }

  /** A note begins. */
  begin(at_s, owner, pitch, velocity, own) {
    const at = this.count % this.size;
    if (this.count >= this.size && this.off[at] === Infinity) this.#forget(at);
    this.count++;
    this.on[at] = at_s;
    this.owner[at] = owner;
    this.pitch[at] = pitch;
    this.velocity[at] = velocity;
    this.own[at] = own ? 1 : 0;
    if (owner === KEY) {
      this.off[at] = at_s + KEY_S;
      return at;
    }
    const place = this.#place(owner, pitch);
    this.off[at] = Infinity;
    this.#before[at] = this.#last[place];
    this.#last[place] = at;
    this.sounding[owner - LOWEST]++;
    return at;
  }

  /** A note ends; its place, or -1 where none such sounds. */
  end(at_s, owner, pitch) {
    const place = this.#place(owner, pitch);
    const at = this.#last[place];
    if (at === NONE) return NONE;
    this.off[at] = Math.max(at_s, this.on[at]);
    this.#last[place] = this.#before[at];
    this.sounding[owner - LOWEST]--;
    return at;
  }

  /** One that still sounds gives its place to another. */
  #forget(at) {
    const place = this.#place(this.owner[at], this.pitch[at]);
    let later = this.#last[place];
    if (later === at) this.#last[place] = this.#before[at];
    while (later !== at && this.#before[later] !== at) later = this.#before[later];
    if (later !== at) this.#before[later] = this.#before[at];
    this.sounding[this.owner[at] - LOWEST]--;
  }

  /** All of an owner's end. */
  silence(at_s, owner) {
    for (let pitch = 0; pitch < PITCHES && this.sounding[owner - LOWEST]; pitch++) {
      while (this.end(at_s, owner, pitch) !== NONE);
    }
  }

  /** The last one on a pitch that sounds, -1 for none. */
  held(owner, pitch) {
    return this.#last[this.#place(owner, pitch)];
  }

  clear() {
    this.count = 0;
    this.#last.fill(NONE);
    this.sounding.fill(0);
  }
}
