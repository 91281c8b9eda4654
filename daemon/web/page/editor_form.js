// A preset as a form: a field for each key that the daemon tells of, a section for each table that the preset has.

import { tree } from "./live.js";
import { h, mark, Part, write } from "./part.js";
import { titled } from "./words.js";

const TYPED_MS = 300; // after the last letter a field's value is tried
const NOTES = { C: 0, D: 2, E: 4, F: 5, G: 7, A: 9, B: 11 };
const STEPS = 100; // of a number's range, for an arrow key
const OWN = "";

const SPELT = { mpe: "MPE", cc: "Controllers (CC)" };

let names = 0;

const called = (key) => SPELT[key] ?? titled({ title: key });

/** A value as it is typed: a list without its brackets, a table as TOML has it. */
export function typed(value) {
  if (Array.isArray(value)) return value.map(typed).join(", ");
  if (value !== null && typeof value === "object") return inline(value);
  return value === undefined || value === null ? "" : String(value);
}

function inline(table) {
  const name = (key) => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key));
  const pairs = Object.entries(table).map(([key, value]) => `${name(key)} = ${JSON.stringify(value)}`);
  return pairs.length ? `{ ${pairs.join(", ")} }` : "{}";
}

/** The MIDI number of a note's name, NaN for none. */
function pitch(name) {
  const found = /^\s*([A-Ga-g])([#♯b♭]?)(-?\d+)\s*$/.exec(String(name));
  if (!found) return typeof name === "number" ? name : Number.NaN;
  const alteration = { "": 0, "#": 1, "♯": 1, b: -1, "♭": -1 }[found[2]];
  return 12 * (Number(found[3]) + 1) + NOTES[found[1].toUpperCase()] + alteration;
}

/** One key of one table. */
class Field {
  /** place: {table, row}; key: as the daemon describes it; put: change it to what is typed, undefined: by default. */
  constructor(place, key, put, suggested) {
    Object.assign(this, { place, key, put, suggested });
    const id = `preset-field-${++names}`;
    this.input = this.#input(id);
    this.error = h("span", { class: "error", id: `${id}-error` });
    this.reset = this.#reset();
    const label = h("label", { class: "label", for: id }, called(key.key), key.needed ? " *" : null);
    const help = h("span", { class: "unseen", id: `${id}-help` }, `${key.help} (${key.what})`);
    mark(this.input, "aria-describedby", `${id}-error ${id}-help`);
    this.element = h("div", { class: "control field" }, label, this.#line(), this.error, help);
    this.element.node = { help: `${key.help} (${key.what})` }; // for the line below, as of other controls
    this.element.title_text = called(key.key);
  }

  #line() {
    const line = h("div", { class: "line" }, this.input);
    if (this.key.key === "color") line.append(this.#swatch());
    line.append(this.reset);
    return line;
  }

  #reset() {
    const words = this.key.needed ? "" : typed(this.key.default) || "nothing";
    const label = `${called(this.key.key)}: back to the default, ${words}`;
    const told = { type: "button", class: "reset", "aria-label": label, title: label };
    const back = () => {
      if (this.key.type === "text" || this.key.type === "number") this.input.value = "";
      this.input.focus();
      this.#now(undefined);
    };
    return h("button", { ...told, onclick: back }, "↺");
  }

  #swatch() {
    const told = { type: "color", "aria-label": "Choose a colour", onchange: () => this.#now(this.swatch.value) };
    this.swatch = h("input", told);
    return this.swatch;
  }

  #input(id) {
    const { type, words } = this.key;
    if (type === "flag") {
      const turn = () => this.#now(input.getAttribute("aria-checked") !== "true");
      const input = h("button", { type: "button", class: "switch", role: "switch", id, onclick: turn });
      return input;
    }
    if (type === "choice") {
      const input = h("select", { id, onchange: () => this.#now(input.value) });
      input.append(...words.map((word) => h("option", { value: word }, word || "(none)")));
      return input;
    }
    return this.#text(id);
  }

  #text(id) {
    const told = { id, type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false" };
    const input = h("input", { ...told, oninput: () => this.#later(), onchange: () => this.#flush() });
    input.addEventListener("blur", () => this.#flush() || this.#write());
    input.addEventListener("keydown", (event) => this.#step(event));
    if (this.key.type === "number") mark(input, "inputmode", "decimal");
    if (this.suggested) mark(input, "list", this.suggested);
    return input;
  }

  /** A number goes up and down with the arrow keys. */
  #step(event) {
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const { low, high, whole, type } = this.key;
    if (!way || type !== "number") return;
    event.preventDefault();
    const step = whole ? 1 : 10 ** Math.round(Math.log10((high - low) / STEPS));
    const now = Number(this.input.value || this.key.default || 0);
    const next = Math.min(high, Math.max(low, now + way * step));
    if (!Number.isFinite(next)) return;
    this.input.value = String(Number(next.toFixed(6)));
    this.#later();
  }

  #later() {
    clearTimeout(this.waits);
    this.waits = setTimeout(() => this.#flush(), TYPED_MS);
  }

  /** What was typed is tried now, if it has not been. Whether there was anything. */
  #flush() {
    clearTimeout(this.waits);
    const text = this.input.value;
    if (text === typed(this.value)) return false;
    this.#now(text.trim() === "" && !this.key.needed ? undefined : text);
    return true;
  }

  #now(value) {
    this.value = value;
    this.put(this.place, this.key.key, value);
  }

  /** As it stands in the preset, undefined where it is not there; and what is wrong with it. */
  show(value, wrong) {
    this.value = value;
    this.#write();
    this.element.toggleAttribute("said", value !== undefined);
    this.reset.hidden = value === undefined || this.key.needed;
    write(this.error, wrong.map((one) => one.error).join(". "));
    mark(this.input, "aria-invalid", wrong.length > 0);
  }

  #write() {
    const { key, input, value } = this;
    const now = value ?? key.default;
    if (key.type === "flag") {
      mark(input, "aria-checked", now === true);
      write(input, now ? "On" : "Off");
    } else if (key.type === "choice") {
      if (!key.words.includes(now)) input.append(h("option", { value: now, hidden: true }, typed(now)));
      input.value = now;
    } else {
      if (document.activeElement !== input) input.value = typed(value); // whoever types there is left alone
      input.placeholder = typed(key.default) || (key.needed ? "" : "–");
    }
    if (this.swatch && /^#[0-9a-f]{6}$/i.test(now)) this.swatch.value = now;
  }
}

/** All keys of one table that is there. */
class Fields {
  constructor(place, keys, put, suggest) {
    this.place = place;
    this.fields = keys.map((key) => new Field(place, key, put, suggest(place.table, key.key)));
    this.element = h("div", { class: "controls" }, ...this.fields.map((one) => one.element));
  }

  show(values, problems) {
    for (const one of this.fields) {
      one.show(values[one.key.key], problems.filter(({ key }) => key === one.key.key));
    }
  }
}

export class Form extends Part {
  #known = ""; // which tables there were when it was built
  #opened = new Set(); // of those that may be opened, by their names

  /** tables: as the daemon describes them; edit: what is done with a change. */
  constructor(tables, edit) {
    super();
    this.tables = tables;
    this.edit = edit;
    this.parts = [];
    this.lists = h("div", { hidden: true });
  }

  build() {
    this.body = h("div", { class: "tables" });
    this.broken = h("p", { class: "error broken", role: "status" });
    this.append(this.broken, this.lists, this.body);
  }

  /** A document as the daemon understands it. Where it is no TOML the form stands still. */
  show(found, problems) {
    const broken = problems.length > 0 && Object.keys(found).length === 0;
    this.body.inert = broken;
    this.body.toggleAttribute("dim", broken);
    write(this.broken, broken ? "The text cannot be read as a preset: mend it there, then the form is back." : "");
    if (broken) return;
    this.found = found;
    const there = ({ table, many }) => (many ? this.#rows(table).length : table in found);
    const shape = JSON.stringify(this.tables.map(there));
    if (shape !== this.#known) this.#grow(shape);
    this.#suggest();
    for (const one of this.parts) one.show(found, problems);
  }

  #rows(table) {
    const rows = this.found[table];
    return Array.isArray(rows) ? rows.filter((row) => row !== null && typeof row === "object") : [];
  }

  #grow(shape) {
    const had = document.activeElement?.dataset?.stays;
    this.#known = shape;
    this.parts = [];
    this.body.replaceChildren(...this.tables.map((one) => (one.many ? this.#list(one) : this.#table(one))));
    if (had) this.body.querySelector(`[data-stays="${had}"]`)?.focus();
  }

  #put = (place, key, value) => {
    const told = { table: place.table, row: place.row, key };
    this.edit(value === undefined ? { do: "unset", ...told } : { do: "set", ...told, value });
  };

  #fields(table, row, keys) {
    const fields = new Fields({ table, row }, keys, this.#put, (...of) => this.#suggested(...of));
    this.parts.push({
      show: (found, problems) => {
        const values = table === OWN ? found : row < 0 ? found[table] : this.#rows(table)[row];
        fields.show(values ?? {}, problems.filter((one) => one.table === table && one.row === row));
      },
      find: (one) => one.table === table && one.row === row && fields.fields.find(({ key }) => key.key === one.key),
    });
    return fields.element;
  }

  /** A table that a preset has once, or has not. */
  #table({ table, title, keys }) {
    const heading = h("h3", {}, title);
    const section = h("section", { class: "group" }, heading);
    if (table !== OWN) section.append(this.#whether(table, title));
    if (table === OWN || table in this.found) section.append(this.#fields(table, -1, keys));
    return section;
  }

  #whether(table, title) {
    const there = table in this.found;
    const error = this.#own_error(table, -1);
    const press = () => this.edit({ do: there ? "remove" : "add", table });
    const told = { type: "button", class: "deed", onclick: press, "data-stays": table };
    const words = there ? `Leave out: ${title}` : `Add: ${title}`;
    return h("div", { class: "deeds" }, h("button", told, words), error);
  }

  /** What is wrong with a table as a whole. */
  #own_error(table, row) {
    const error = h("span", { class: "error" });
    const show = (found, problems) => {
      const own = problems.filter((one) => one.table === table && one.row === row && !one.key);
      write(error, own.map((one) => one.error).join(". "));
    };
    this.parts.push({ show, find: () => false });
    return error;
  }

  /** Tables that there may be several of. */
  #list({ table, title, one, keys }) {
    const rows = this.#rows(table).map((_, row) => this.#row(table, row, one, keys));
    const add = () => {
      this.#opened.add(`${table} ${this.#rows(table).length}`);
      this.edit({ do: "add", table });
    };
    const told = { type: "button", class: "deed", onclick: add, "data-stays": `${table} add` };
    const deeds = h("div", { class: "deeds" }, h("button", told, `Add ${/^[aeiou]/.test(one) ? "an" : "a"} ${one}`));
    return h("section", { class: "group" }, h("h3", {}, title), this.#own_error(table, -1), ...rows, deeds);
  }

  #row(table, row, one, keys) {
    const count = this.#rows(table).length;
    const name = h("b", {});
    const about = h("span", { class: "quiet" });
    const wrong = h("span", { class: "error" });
    const reach = h("span", { class: "reach", "aria-hidden": "true" }, h("i"));
    const dot = h("i", { class: "dot" });
    const summary = h("summary", {}, dot, name, about, wrong, reach);
    const move = (way, words, to) => {
      const told = { type: "button", class: "deed", "data-stays": `${table} ${to} ${way}` };
      const act = () => this.#moved(table, row, to, way);
      return h("button", { ...told, "aria-disabled": to < 0 || to >= count, onclick: act }, words);
    };
    const remove = () => this.edit({ do: "remove", table, row });
    const gone = h("button", { type: "button", class: "deed", onclick: remove }, `Remove this ${one}`);
    const moves = [move("up", "Move up", row - 1), move("down", "Move down", row + 1)];
    const deeds = h("div", { class: "deeds" }, ...moves, gone);
    const details = h("details", {}, summary, this.#own_error(table, row), this.#fields(table, row, keys), deeds);
    const key = `${table} ${row}`;
    details.open = this.#opened.has(key);
    details.addEventListener("toggle", () => this.#opened[details.open ? "add" : "delete"](key));
    const show = (found, problems) => {
      const values = this.#rows(table)[row] ?? {};
      write(name, typed(values.name || values.plugin || values.control || values.device) || `${one} ${row + 1}`);
      write(about, this.#about(table, values));
      const own = problems.filter((problem) => problem.table === table && problem.row === row).length;
      write(wrong, own ? `${own} ${own > 1 ? "mistakes" : "mistake"}` : "");
      this.#draw(reach, dot, values);
    };
    const open = (at) => at.table === table && at.row === row && (details.open = true);
    this.parts.push({ show, find: () => false, open });
    return details;
  }

  /** With its fields open, as they were. */
  #moved(table, row, to, way) {
    if (to < 0 || to >= this.#rows(table).length) return;
    const open = [row, to].map((at) => this.#opened.delete(`${table} ${at}`));
    if (open[0]) this.#opened.add(`${table} ${to}`);
    if (open[1]) this.#opened.add(`${table} ${row}`);
    this.#known = "";
    this.edit({ do: way, table, row });
  }

  /** In a line, what a table is about. */
  #about(table, values) {
    const told = { ensemble: ["program", "range"], chain: ["on"], input: ["port", "range", "to"], learn: ["path"] };
    const parts = (told[table] ?? []).map((key) => typed(values[key]).replace(/^(\S+), (\S+)$/, "$1–$2"));
    return parts.filter(Boolean).join(" · ");
  }

  /** How far an instrument reaches on a keyboard of 128 notes, and its colour. */
  #draw(reach, dot, { range, color }) {
    const [low, high] = Array.isArray(range) ? range.map(pitch) : [];
    reach.hidden = !(low <= high);
    if (low <= high) {
      reach.firstChild.style.left = `${((low / 128) * 100).toFixed(1)}%`;
      reach.firstChild.style.width = `${(((high - low + 1) / 128) * 100).toFixed(1)}%`;
    }
    const good = /^#[0-9a-f]{6}$/i.test(color);
    dot.hidden = !good;
    reach.style.color = good ? color : "";
    dot.style.color = good ? color : "";
  }

  // ---- what may be meant ----

  #suggested(table, key) {
    const lists = { on: "players", player: "players", to: "players", path: "paths", tap: undefined };
    const known = this.tables.find((one) => one.table === table)?.keys.find((one) => one.key === key)?.suggests;
    if (known?.length) return this.#listed(`${table}-${key}`, known);
    return lists[key] ? `preset-${lists[key]}` : undefined;
  }

  #listed(name, words) {
    const id = `preset-${name}`;
    const list = this.lists.querySelector(`#${id}`) ?? this.lists.appendChild(h("datalist", { id }));
    const now = words.join("\n");
    if (list.words !== now) list.replaceChildren(...words.map((value) => h("option", { value })));
    list.words = now;
    return id;
  }

  #suggest() {
    const players = this.#rows("ensemble").map((row) => row.name).filter((name) => typeof name === "string");
    this.#listed("players", players);
    this.#listed("paths", [...tree.peek().controls, ...tree.peek().actions].map((one) => one.path));
  }

  // ---- where something is ----

  /** What people call the place of a mistake. */
  called({ table, row }) {
    if (!table) return "";
    const told = this.tables.find((one) => one.table === table);
    if (row < 0) return told.title;
    const name = this.found && this.#rows(table)[row]?.name;
    return typeof name === "string" && name ? name : `${told.one} ${row + 1}`;
  }

  /** Go to its field. Whether there is one. */
  lead(one) {
    if (this.body.inert) return false;
    const field = this.parts.map((part) => part.find(one)).find(Boolean);
    if (!field) return false;
    document.querySelector('[name="side"][value="form"]')?.click();
    for (const part of this.parts) part.open?.(one);
    field.input.focus();
    field.input.scrollIntoView({ block: "center" });
    return true;
  }
}

customElements.define("rp-preset-form", Form);
