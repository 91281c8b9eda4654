// The foot of the page: the set list, and what there is to tell.

import { act, connection, news, status } from "./live.js";
import { h, mark, Part, write } from "./part.js";
import { titled } from "./words.js";

const SIGNS = { ready: "", loading: " · loading", waiting: " · not ready yet", failed: " · cannot play" };
const SHOWN_NEWS = 40;

class Songs extends Part {
  build() {
    mark(this, "role", "group");
    mark(this, "aria-label", "Set list");
    const [here, near] = ["here", "near"].map((name) => h("span", { class: name }));
    const [back, on] = ["previous", "next"].map((way) => {
      const told = { type: "button", class: "step", "aria-label": `${titled({ title: way })} song` };
      return h("button", { ...told, onclick: () => act(way) }, way === "next" ? "▶" : "◀");
    });
    const now = h("div", { class: "now", "aria-live": "polite" }, here, near);
    this.append(back, now, on);
    this.follow(() => {
      const { songs } = status.value;
      this.hidden = !songs;
      if (!songs) return;
      write(here, `${songs.number} / ${songs.of}  ${songs.title}`);
      write(near, songs.wanted ? `waiting for ${songs.wanted}` : `next: ${songs.next.title}${SIGNS[songs.next.state]}`);
    });
    this.follow(() => {
      for (const button of [back, on]) mark(button, "aria-disabled", connection.value !== "live");
    });
  }
}

class News extends Part {
  build() {
    mark(this, "role", "log");
    mark(this, "aria-live", "polite");
    mark(this, "aria-label", "News");
    mark(this, "tabindex", 0);
    this.follow(() => this.#add(news.value));
  }

  /** Only what is new is added: who hears the page is told of that alone. */
  #add(all) {
    const fresh = this.last ? all.slice(all.indexOf(this.last) + 1) : all;
    this.last = all.at(-1);
    for (const one of fresh) this.prepend(line(one));
    while (this.childElementCount > SHOWN_NEWS) this.lastElementChild.remove();
  }
}

function line({ text, kind, at }) {
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return h("p", { class: kind }, h("time", { datetime: at.toISOString() }, time), ` ${text}`);
}

customElements.define("rp-songs", Songs);
customElements.define("rp-news", News);
