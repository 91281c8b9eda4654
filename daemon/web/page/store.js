// A reactive store: values that know who has read them.
//
// The page is made of the platform's own custom elements and of this file. A framework would bring a build step or a
// copy of somebody's code to keep; what the page needs of one is that an element is drawn anew when a value it has read
// is another, at most once a frame, however often the value changes. That is little enough to write and to read.

let reader = null; // the effect that runs now
const waiting = new Set();
let asked = false;

export class Signal {
  #value;
  #readers = new Set();

  constructor(value) {
    this.#value = value;
  }

  /** The value; the effect that reads it runs again when it changes. */
  get value() {
    if (reader) {
      this.#readers.add(reader);
      reader.sources.add(this);
    }
    return this.#value;
  }

  set value(value) {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const one of this.#readers) later(one);
  }

  /** The value, for who does not want to be told of another. */
  peek() {
    return this.#value;
  }

  forget(effect) {
    this.#readers.delete(effect);
  }
}

/** Run it now, and again in the frame after any signal that it read has changed. Returns what ends that. */
export function effect(act) {
  const one = { act, sources: new Set(), over: false };
  run(one);
  return () => {
    one.over = true; // it may be about to run in this very frame
    release(one);
    waiting.delete(one);
  };
}

function release(one) {
  for (const source of one.sources) source.forget(one);
  one.sources.clear();
}

function run(one) {
  release(one);
  const before = reader;
  reader = one;
  try {
    one.act();
  } finally {
    reader = before;
  }
}

function later(one) {
  waiting.add(one);
  if (asked) return;
  asked = true;
  requestAnimationFrame(flush);
}

function flush() {
  asked = false;
  const due = [...waiting];
  waiting.clear();
  for (const one of due) {
    try {
      if (!one.over) run(one);
    } catch (error) {
      reportError(error); // the others are drawn all the same
    }
  }
}
