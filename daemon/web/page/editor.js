// The preset editor: all presets, and the one that is open, as a form and as the text that the form is made from.
//
// The text is what is edited; a field of the form asks the daemon for the text with that one key changed, so that
// comments stay. What is not saved yet is a draft: kept in this tab until it is saved or discarded, also where another
// preset is opened, the page is loaded anew or the daemon was away.

import { Compare } from "./editor_compare.js";
import { drafts } from "./editor_drafts.js";
import { Form } from "./editor_form.js";
import { TextView } from "./editor_text.js";
import { connection, request, say, status } from "./live.js";
import { h, mark, Part, write } from "./part.js";

const CHECK_MS = 250; // after the last key that was typed
const CALLED = "/api/presets";

const at = (name) => `${CALLED}/${encodeURIComponent(name)}`;

class PresetEditor extends Part {
  build() {
    this.library = new Library(this);
    this.append(this.library);
    this.follow(() => connection.value === "live" && this.#begin());
    window.addEventListener("beforeunload", (event) => drafts.names().length && event.preventDefault());
  }

  /** What is known is asked anew when the daemon is there again; drafts stay. */
  async #begin() {
    try {
      this.keys ??= (await request("GET", "/api/editor/keys")).tables;
      await this.library.load();
      if (this.desk) await this.desk.check();
      else if (drafts.opened()) await this.open(drafts.opened());
    } catch (error) {
      say(`the presets cannot be read: ${error.message}`, "bad");
    }
  }

  /** Edit one. */
  async open(name) {
    try {
      const saved = await request("GET", at(name));
      this.desk = new Desk(this, saved);
      drafts.open(name);
      this.replaceChildren(this.desk);
      this.desk.heading.focus();
    } catch (error) {
      if (drafts.opened() === name) drafts.open("");
      say(error.message, "bad");
    }
  }

  /** Back to all of them. */
  async close() {
    const name = this.desk?.saved.name;
    hush(this);
    this.desk = null;
    drafts.open("");
    this.replaceChildren(this.library);
    await this.library.load().catch((error) => say(error.message, "bad"));
    this.library.focus_on(name);
  }
}

/** Something that is asked twice before it is done. */
function deed_asked(words, really, act) {
  let asked = false;
  const rest = () => {
    asked = false;
    write(button, words);
    button.removeAttribute("asked");
  };
  const press = () => {
    if (asked) act();
    if (asked) return rest();
    asked = true;
    write(button, really);
    button.setAttribute("asked", "");
  };
  const button = h("button", { type: "button", class: "deed", onclick: press, onblur: rest }, words);
  return button;
}

const deed = (words, act, more = {}) => h("button", { type: "button", class: "deed", onclick: act, ...more }, words);

/** What was told of a field, below, is no longer looked at. */
function hush(element) {
  const help = element.closest("#panel")?.querySelector(".help");
  if (help) write(help, "");
}

// ---- all presets ----

class Library extends Part {
  constructor(editor) {
    super();
    this.editor = editor;
    this.cards = h("ul", { class: "presets" });
    this.where = h("p", { class: "quiet" });
  }

  build() {
    const heading = h("h2", {}, "Presets");
    this.append(heading, this.cards, this.where);
    this.follow(() => this.#plays(status.value.preset));
  }

  async load() {
    const { folder, presets } = await request("GET", CALLED);
    this.presets = presets;
    this.cards.replaceChildren(...presets.map((one) => this.#card(one)));
    write(this.where, `Yours are kept in ${folder}`);
    this.#plays(status.peek().preset);
  }

  focus_on(name) {
    const card = [...this.cards.children].find((one) => one.preset.name === name);
    (card ?? this.cards.firstChild)?.querySelector("button").focus();
  }

  #plays(title) {
    for (const card of this.cards.children) {
      const now = card.preset.title === title;
      card.toggleAttribute("playing", now);
      card.querySelector(".now").hidden = !now;
    }
  }

  #card(one) {
    const badges = h("span", { class: "badges" }, h("b", { class: "now" }, "Plays now"));
    if (drafts.has(one.name)) badges.append(h("b", { class: "draft" }, "Unsaved changes"));
    if (one.error) badges.append(h("b", { class: "wrong" }, "Has mistakes"));
    badges.append(h("b", {}, one.own ? (one.hides ? "Yours, instead of Ripieno's" : "Yours") : "Ripieno's"));
    const about = one.error || one.description;
    const name = h("span", { class: "name" }, one.title);
    const players = one.players.length ? h("span", { class: "quiet" }, one.players.join(", ")) : null;
    const open = h("button", { type: "button", class: "preset", onclick: () => this.editor.open(one.name) });
    open.append(...[name, h("span", {}, about), players, badges].filter(Boolean));
    const deeds = h("div", { class: "deeds" });
    if (!one.error) deeds.append(deed("Play", () => play(one), { "aria-label": `Play ${one.title}` }));
    deeds.append(deed("Duplicate", () => this.#copy(one), { "aria-label": `Duplicate ${one.title}` }));
    if (one.own) deeds.append(deed_asked("Delete", `Really delete ${one.title}`, () => this.#remove(one)));
    return h("li", { class: "group", ".preset": one }, open, deeds);
  }

  async #copy(one) {
    try {
      const { text } = await request("GET", at(one.name));
      const made = await request("POST", CALLED, { name: this.#free(one.title), text });
      await this.editor.open(made.name);
    } catch (error) {
      say(`${one.title} is not duplicated: ${error.message}`, "bad");
    }
  }

  /** "Choir copy", "Choir copy 2" ... */
  #free(title) {
    const taken = new Set(this.presets.map((one) => one.title.toLowerCase()));
    const names = Array.from({ length: taken.size + 1 }, (_, n) => `${title} copy${n ? ` ${n + 1}` : ""}`);
    return names.find((name) => !taken.has(name.toLowerCase()));
  }

  async #remove(one) {
    try {
      await request("DELETE", at(one.name));
      drafts.drop(one.name);
      say(one.hides ? `${one.title}: Ripieno's own is back` : `${one.title} is deleted`, "good");
      await this.load();
      this.focus_on(one.name);
    } catch (error) {
      say(error.message, "bad");
    }
  }
}

async function play(one) {
  try {
    say((await request("POST", `${at(one.name)}/play`)).says, "good");
  } catch (error) {
    say(`${one.title} does not play: ${error.message}`, "bad");
  }
}

// ---- one of them ----

class Desk extends Part {
  constructor(editor, saved) {
    super();
    this.editor = editor;
    this.#take(saved);
  }

  /** What is saved is this; a draft of it is what is edited. */
  #take(saved) {
    this.saved = saved;
    const draft = drafts.read(saved.name);
    this.text = draft?.text ?? saved.text;
    this.version = draft?.version ?? saved.version;
    this.queue = Promise.resolve();
  }

  get dirty() {
    return this.text !== this.saved.text;
  }

  build() {
    this.heading = h("h2", { tabindex: -1 });
    this.state = h("span", { class: "badges" });
    this.says = h("p", { class: "says", role: "status" });
    this.asks = h("div", { class: "asks" });
    this.mistakes = h("ol", { class: "mistakes" });
    this.form = new Form(this.editor.keys, (edit) => this.change(edit));
    this.view = new TextView((text) => this.#typed(text));
    const sides = h("div", { class: "sides" }, this.form, this.view);
    this.append(this.#bar(), this.asks, this.says, this.mistakes, this.#switch(sides), sides);
    this.view.show(this.text);
    this.#show_state();
    this.addEventListener("keydown", (event) => this.#key(event));
    this.check();
  }

  #bar() {
    this.save_button = deed("Save", () => this.save(), { class: "deed main" });
    this.play_button = deed("Play now", () => this.#play());
    this.undo = deed_asked("Discard changes", "Really discard them", () => this.#discard());
    this.remove = deed_asked("Delete", "Really delete it", () => this.#delete());
    this.rename = deed("Rename", () => this.#ask_name("Rename", "New name", (name) => this.#rename(name)));
    const back = deed("All presets", () => this.editor.close(), { class: "deed back" });
    const copy = deed("Save as", () => this.#ask_name("Save as", "Name of the copy", (name) => this.#save_as(name)));
    const compare = deed("Compare", () => this.#compare());
    const deeds = h("div", { class: "deeds" }, this.save_button, this.play_button, copy, compare);
    deeds.append(this.rename, this.undo, this.remove);
    return h("div", { class: "bar" }, back, h("div", { class: "what" }, this.heading, this.state), deeds);
  }

  /** Form or text, where there is no room for both. */
  #switch(sides) {
    const group = h("div", { class: "choice sides-choice", role: "radiogroup", "aria-label": "Shown" });
    for (const [value, words] of [["form", "Form"], ["text", "Text (TOML)"]]) {
      const turn = () => {
        mark(sides, "data-side", value);
        hush(this);
      };
      const input = h("input", { type: "radio", name: "side", value, onchange: turn });
      input.checked = value === "form";
      group.append(h("label", {}, input, h("span", {}, words)));
    }
    mark(sides, "data-side", "form");
    return group;
  }

  #key(event) {
    if (event.key.toLowerCase() !== "s" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    this.save();
  }

  // ---- changed ----

  #typed(text) {
    this.#hold(text);
    clearTimeout(this.waits);
    this.waits = setTimeout(() => this.check(), CHECK_MS);
  }

  /** It is this now; unsaved, it is kept. */
  #hold(text) {
    this.text = text;
    if (this.dirty) drafts.keep(this.saved.name, { text, version: this.version });
    else drafts.drop(this.saved.name);
    this.#show_state();
  }

  /** One after the other, each from what the one before has made. */
  #next(act) {
    this.queue = this.queue.then(act).catch((error) => this.#trouble(error));
    return this.queue;
  }

  check() {
    return this.#next(async () => {
      const { text } = this;
      const look = await request("POST", "/api/editor/check", { text });
      if (text === this.text) this.#show(look);
    });
  }

  change(edit) {
    return this.#next(async () => {
      const look = await request("POST", "/api/editor/change", { ...edit, text: this.text });
      this.#hold(look.text);
      this.view.show(look.text);
      this.#show(look);
    });
  }

  #trouble(error) {
    write(this.says, error.message);
    mark(this.says, "data-kind", "bad");
  }

  #show({ name, document, problems }) {
    this.title = name || this.saved.title;
    this.problems = problems;
    this.form.show(document, problems, this.editor.library.presets ?? []);
    this.view.point(problems);
    this.mistakes.replaceChildren(...problems.map((one) => h("li", {}, this.#mistake(one))));
    const { length } = problems;
    write(this.says, length ? `${length} ${length > 1 ? "mistakes" : "mistake"}` : "No mistakes");
    mark(this.says, "data-kind", length ? "bad" : "good");
    this.#show_state();
  }

  /** Pressed, it leads to where it is. */
  #mistake(one) {
    const place = [this.form.called(one), one.key].filter(Boolean).join(", ");
    const lead = () => this.form.lead(one) || this.view.lead(one.line);
    return deed(`Line ${one.line}${place ? `, ${place}` : ""}: ${one.error}`, lead, { class: "mistake" });
  }

  #show_state() {
    const { own, hides } = this.saved;
    write(this.heading, this.title ?? this.saved.title);
    const whose = own ? (hides ? "Yours, instead of Ripieno's" : "Yours") : "Ripieno's: saving makes it yours";
    const badges = [h("b", {}, whose)];
    if (this.dirty) badges.unshift(h("b", { class: "draft" }, "Unsaved changes"));
    this.state.replaceChildren(...badges);
    const wrong = Boolean(this.problems?.length);
    mark(this.save_button, "aria-disabled", !this.dirty || wrong);
    mark(this.play_button, "aria-disabled", wrong);
    write(this.play_button, this.dirty ? "Save and play" : "Play now");
    this.undo.hidden = !this.dirty;
    this.remove.hidden = this.rename.hidden = !own;
  }

  // ---- saved ----

  /** Whether it is saved now. known: over whatever is there otherwise. */
  async save(known = this.version) {
    clearTimeout(this.waits);
    await this.check();
    if (!this.dirty) return true;
    try {
      const { text } = this;
      this.saved = await request("PUT", at(this.saved.name), { text, version: known });
      this.version = this.saved.version;
      this.#hold(this.text); // somebody may have typed meanwhile
      this.#told(`${this.saved.title} is saved in ${this.saved.file}`);
      return true;
    } catch (error) {
      if (error.status === 409) this.#ask_which(error.message);
      else this.#trouble(error);
      return false;
    }
  }

  #told(text) {
    this.asks.replaceChildren();
    write(this.says, text);
    mark(this.says, "data-kind", "good");
  }

  /** It is another there than the one that this began with. */
  #ask_which(why) {
    const over = deed("Overwrite it", () => this.save(""));
    const anew = deed("Discard mine and read it", () => this.#discard());
    this.asks.replaceChildren(h("p", { role: "alert" }, why), h("div", { class: "deeds" }, over, anew));
    over.focus();
  }

  /** Ask for a name, then do something with it. */
  #ask_name(words, about, act) {
    const input = h("input", { type: "text", maxlength: 60, autocomplete: "off", required: true });
    input.value = words === "Rename" ? this.title : `${this.title} copy`;
    const error = h("span", { class: "error", role: "alert" });
    const leave = () => {
      this.asks.replaceChildren();
      this.heading.focus();
    };
    const submit = async (event) => {
      event.preventDefault();
      await act(input.value.trim()).then(leave, (refused) => write(error, refused.message));
    };
    const label = h("label", { class: "control" }, h("span", { class: "label" }, about), input, error);
    const deeds = [h("button", { class: "deed main" }, words), deed("Cancel", leave)];
    const form = h("form", { class: "group naming", onsubmit: submit }, label, ...deeds);
    form.addEventListener("keydown", (event) => event.key === "Escape" && leave());
    this.asks.replaceChildren(form);
    input.select();
  }

  async #save_as(name) {
    const made = await request("POST", CALLED, { name, text: this.text });
    drafts.drop(this.saved.name); // it has gone into the copy
    say(`${made.title} is saved in ${made.file}`, "good");
    await this.editor.open(made.name);
  }

  async #rename(name) {
    if (this.dirty && !(await this.save())) throw new Error("there are changes that cannot be saved");
    const made = await request("POST", at(this.saved.name), { to: name });
    await this.editor.open(made.name);
  }

  async #play() {
    if (this.problems?.length || !(await this.save())) return;
    await play(this.saved);
  }

  async #discard() {
    drafts.drop(this.saved.name);
    this.asks.replaceChildren();
    await this.editor.open(this.saved.name);
  }

  async #delete() {
    try {
      await request("DELETE", at(this.saved.name));
      drafts.drop(this.saved.name);
      await this.editor.close();
    } catch (error) {
      this.#trouble(error);
    }
  }

  #compare() {
    const others = this.editor.library.presets.filter((one) => one.name !== this.saved.name);
    const compare = new Compare(this, others, () => {
      compare.remove();
      this.heading.focus();
    });
    this.querySelector("rp-compare")?.remove();
    hush(this);
    this.asks.after(compare);
    compare.heading.focus();
  }

  /** The text of another preset, or of this one as it is saved. */
  async text_of(name) {
    return name ? (await request("GET", at(name))).text : this.saved.text;
  }
}

customElements.define("rp-preset-library", Library);
customElements.define("rp-preset-desk", Desk);
customElements.define("rp-preset-editor", PresetEditor);
