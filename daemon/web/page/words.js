// How names and numbers are written for people.

const UNITS = ["dB", "ms", "s", "Hz", "beats", "bars", "notes"];
const MINUS = "−";

/** What the page calls a control: a key's name without the dashes that a file wants, its unit behind it. */
export function titled(node) {
  const unit = UNITS.find((one) => node.title.endsWith(`_${one.toLowerCase()}`));
  const bare = unit ? node.title.slice(0, -unit.length - 1) : node.title;
  const text = bare.replace(/[_-]+/g, " ") + (unit ? ` (${unit})` : "");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A number as it is read: as many digits as it takes to tell it from its neighbours. */
export function shown(node, value) {
  if (typeof value !== "number") return String(value ?? "");
  if (node.whole) return String(Math.round(value)).replace("-", MINUS);
  const span = node.high - node.low;
  const digits = Math.min(3, Math.max(0, 3 - Math.ceil(Math.log10(span + 1))));
  return value.toFixed(digits).replace("-", MINUS);
}

/** A number as somebody typed it; NaN for none. */
export function typed(text) {
  return text.trim() ? Number(text.replace(MINUS, "-").replace(",", ".")) : Number.NaN;
}

/** The name of a note, chord or key with accidentals as they are printed: "Bbm7b5" as "B♭m7♭5". */
export function printed(name) {
  return name.replaceAll("#", "♯").replace(/([A-G])b/g, "$1♭").replace(/b(?=\d)/g, "♭");
}

/** A name as it stands in a path, as daemon/remote/tree.py makes it. */
export function path_part(name) {
  return name.toLowerCase().replace(/[^\w.]+/g, "-").replace(/^-+|-+$/g, "") || "unnamed";
}

/** Seconds as minutes and seconds. */
export function lasted(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
