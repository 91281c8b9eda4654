// The foot of the page: the set list, and what there is to tell.

import { learning, meant, shows_learning, touched } from "./learn.js";
import { act, connection, control, news, say, status } from "./live.js";
import { h, mark, Part, write } from "./part.js";
import { titled } from "./words.js";

const HOW = { ready: "", loading: "loading", waiting: "not ready yet", failed: "cannot play" };
const SONG = "song";
const LIST = "song-list";
const SHOWN_NEWS = 40;

/** Where in the set list it is, the songs before and behind, and all of them to choose from. */
class Songs extends Part {
  build() {
    mark(this, "role", "group");
    mark(this, "aria-label", "Set list");
    const [here, near] = ["here", "near"].map((name) => h("span", { class: name }));
    const [back, on] = ["previous", "next"].map((way) => this.#step(way));
    const told = { type: "button", class: "now", popovertarget: LIST, "aria-haspopup": "dialog" };
    const now = h("button", { ...told, onclick: (event) => this.#ask(event) }, here, near);
    const says = h("p", { class: "unseen", "aria-live": "polite" });
    this.append(back, now, on, says, this.#sheet());
    shows_learning(this, now, () => SONG);
    this.follow(() => {
      const { songs } = status.value;
      this.hidden = !songs;
      if (!songs) return;
      write(here, `${songs.number} / ${songs.of}  ${songs.title}`);
      write(near, songs.wanted ? `waiting for ${songs.wanted}` : coming(songs.next));
      write(says, `Song ${songs.number} of ${songs.of}: ${songs.title}`);
      this.#list(songs.list ?? [], songs.number, control(SONG).shown.value);
    });
    this.follow(() => {
      const error = control(SONG).error.value;
      if (error) say(error, "bad");
    });
  }

  #step(way) {
    const told = { type: "button", class: "step", "aria-label": `${titled({ title: way })} song` };
    const button = h("button", { ...told, onclick: () => meant(way, act) }, way === "next" ? "▶" : "◀");
    shows_learning(this, button, () => way);
    this.follow(() => mark(button, "aria-disabled", connection.value !== "live"));
    return button;
  }

  /** While it learns, a touch does not open the list. */
  #ask(event) {
    if (!learning.peek()) return;
    event.preventDefault();
    touched(SONG);
  }

  /** It leaves PANIC and all else within reach. */
  #sheet() {
    const heading = h("h2", { id: "songs-title" }, "Set list");
    const close = h("button", { type: "button", popovertarget: LIST, popovertargetaction: "hide" }, "Close");
    this.rows = h("div", { class: "songs" });
    const told = { id: LIST, popover: "auto", role: "dialog", "aria-labelledby": "songs-title" };
    const sheet = h("div", told, h("div", { class: "songs-head" }, heading, close), this.rows);
    sheet.addEventListener("toggle", (event) => event.newState === "open" && this.#here()?.focus());
    sheet.addEventListener("keydown", (event) => this.#key(event));
    this.sheet = sheet;
    return sheet;
  }

  #here() {
    return this.rows.querySelector("[aria-current=true]") ?? this.rows.firstElementChild;
  }

  /** All songs, which of them plays, and which is wanted. The rows stay: who is choosing goes on choosing. */
  #list(all, playing, wanted) {
    const { rows } = this;
    while (rows.childElementCount > all.length) rows.lastElementChild.remove();
    while (rows.childElementCount < all.length) rows.append(this.#row(rows.childElementCount + 1));
    all.forEach(({ title, state }, at) => {
      const [, name, how] = rows.children[at].children;
      const plays = at + 1 === playing;
      write(name, title);
      write(how, plays ? "plays" : at + 1 === wanted ? "is waited for" : HOW[state]);
      mark(rows.children[at], "aria-current", plays);
    });
  }

  #row(number) {
    const parts = [h("span", { class: "number" }, String(number)), h("span", { class: "name", dir: "auto" }), h("i")];
    return h("button", { type: "button", class: "song", onclick: () => this.#choose(number) }, ...parts);
  }

  #choose(number) {
    control(SONG).set(number);
    this.sheet.hidePopover();
  }

  #key(event) {
    const row = document.activeElement.closest(".song");
    const to = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling }[event.key];
    if (!to) return;
    event.preventDefault();
    to.focus();
  }
}

function coming({ title, state }) {
  return `next: ${title}${HOW[state] ? ` · ${HOW[state]}` : ""}`;
}

class News extends Part {
  build() {
    mark(this, "role", "log");
    mark(this, "aria-live", "polite");
    mark(this, "aria-label", "News");
    mark(this, "tabindex", 0);
    this.follow(() => this.#add(news.value));
  }

  /** Only what is new is added: who hears the page is told of that alone. What is said again is counted. */
  #add(all) {
    const fresh = this.last ? all.slice(all.indexOf(this.last) + 1) : all;
    for (const one of fresh) {
      if (one.text === this.last?.text) this.#again();
      else this.#say(one);
      this.last = one;
    }
    while (this.childElementCount > SHOWN_NEWS) this.lastElementChild.remove();
  }

  #say(one) {
    this.times = 1;
    this.prepend(line(one));
  }

  #again() {
    this.times++;
    const { firstElementChild: first } = this;
    if (!first.querySelector("b")) first.append(h("b"));
    write(first.lastChild, ` ×${this.times}`);
  }
}

function line({ text, kind, at }) {
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return h("p", { class: kind }, h("time", { datetime: at.toISOString() }, time), ` ${text}`);
}

customElements.define("rp-songs", Songs);
customElements.define("rp-news", News);
