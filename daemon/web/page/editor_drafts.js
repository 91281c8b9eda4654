// What is edited and not saved, by the names of presets: kept by this tab while it is open.

const PREFIX = "ripieno.draft.";
const OPEN = "ripieno.preset";
const beside = new Map(); // where the browser keeps nothing

function store() {
  try {
    return window.sessionStorage;
  } catch {
    return null; // a browser that is told to keep nothing throws at the question
  }
}

function put(key, value) {
  beside.set(key, value);
  try {
    store()?.setItem(key, value);
  } catch {
    // it is full: it is in `beside` as long as the page is not loaded anew
  }
}

const get = (key) => beside.get(key) ?? store()?.getItem(key) ?? null;

function remove(key) {
  beside.delete(key);
  store()?.removeItem(key);
}

const keys = () => new Set([...Object.keys(store() ?? {}), ...beside.keys()]);

export const drafts = {
  /** {text, version}: what it is now, and which saved one it began with; null for none. */
  read(name) {
    return JSON.parse(get(PREFIX + name));
  },
  keep(name, draft) {
    put(PREFIX + name, JSON.stringify(draft));
  },
  drop(name) {
    remove(PREFIX + name);
  },
  has(name) {
    return get(PREFIX + name) !== null;
  },
  names() {
    return [...keys()].filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length));
  },
  /** The preset that is open, "" for none. */
  opened() {
    return get(OPEN) ?? "";
  },
  open(name) {
    put(OPEN, name);
  },
};
