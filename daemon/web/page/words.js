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

const ROOM = 5; // digits that there is room for
const FINER = 2; // digits more where a value lies between those that a hand can mean

/** A number as it is read: as many digits as it takes to tell it from its neighbours, and more where it has them. */
export function shown(node, value) {
  if (typeof value !== "number") return String(value ?? "");
  if (node.whole) return String(Math.round(value)).replace("-", MINUS);
  const span = node.high - node.low;
  const digits = Math.min(3, Math.max(0, 3 - Math.ceil(Math.log10(span + 1))));
  const most = Math.max(digits, Math.min(digits + FINER, ROOM - String(Math.trunc(value)).length));
  const [whole, part = ""] = value.toFixed(most).split(".");
  const needed = part.replace(/0+$/, "").padEnd(digits, "0");
  return (needed ? `${whole}.${needed}` : whole).replace("-", MINUS);
}

/** A number as somebody typed it; NaN for none. */
export function typed(text) {
  return text.trim() ? Number(text.replace(MINUS, "-").replace(",", ".")) : Number.NaN;
}

/** The name of a note, chord or key with accidentals as they are printed: "Bbm7b5" as "B♭m7♭5". */
export function printed(name) {
  return name.replaceAll("#", "♯").replace(/([A-G])b/g, "$1♭").replace(/b(?=\d)/g, "♭");
}

function path_part(name) {
  return name.toLowerCase().replaceAll("ß", "ss").replace(/[^\w.]+/g, "-").replace(/^-+|-+$/g, "") || "unnamed";
}

/** Names as they stand in paths, as daemon/remote/tree.py makes them: where two are alike, the second has a number. */
export function path_parts(names) {
  const taken = new Set();
  for (const part of names.map(path_part)) {
    let one = part;
    for (let number = 2; taken.has(one); number++) one = `${part}-${number}`;
    taken.add(one);
  }
  return [...taken];
}

/** Seconds as minutes and seconds. */
export function lasted(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
