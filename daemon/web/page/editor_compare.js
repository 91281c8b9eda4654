// The preset that is edited, and another one, side by side.

import { request, say } from "./live.js";
import { h, mark, Part, write } from "./part.js";
import { titled } from "./words.js";

export class Compare extends Part {
  /** desk: that of the preset; others: presets to compare it with; leave: what ends this. */
  constructor(desk, others, leave) {
    super();
    this.desk = desk;
    this.others = others;
    this.heading = h("h3", { tabindex: -1 }, "Compare");
    this.leave = leave;
  }

  build() {
    const own = this.desk.saved.title;
    const options = [["", `${own}, as it is saved`], ...this.others.map((one) => [one.name, one.title])];
    const option = ([value, words]) => h("option", { value }, words);
    this.choice = h("select", { onchange: () => this.compare() }, ...options.map(option));
    if (!this.desk.dirty && options.length > 1) this.choice.value = options[1][0];
    const label = h("label", { class: "control" }, h("span", { class: "label" }, "With"), this.choice);
    this.only = h("input", { type: "checkbox", ".checked": true, onchange: () => this.#sift() });
    const only = h("label", { class: "only" }, this.only, " Only what differs");
    const close = h("button", { type: "button", class: "deed", onclick: this.leave }, "Close");
    this.body = h("tbody", { role: "rowgroup" });
    this.says = h("p", { role: "status", class: "quiet" });
    const column = (...words) => h("th", { scope: "col", role: "columnheader" }, ...words);
    this.other = column();
    const mine = column(this.desk.dirty ? `${own}, as it is edited` : own);
    const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, column("Key"), mine, this.other));
    const table = h("div", { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Both presets" });
    table.append(h("table", { role: "table" }, head, this.body)); // on a phone its rows are no table's for CSS
    const bar = h("div", { class: "deeds" }, label, only, close);
    this.append(h("section", { class: "group" }, this.heading, bar, this.says, table));
    this.addEventListener("keydown", (event) => event.key === "Escape" && this.leave());
    this.compare();
  }

  async compare() {
    const name = this.choice.value;
    write(this.other, this.choice.selectedOptions[0].textContent);
    try {
      const other = await this.desk.text_of(name);
      const { keys } = await request("POST", "/api/editor/compare", { one: this.desk.text, other });
      if (name !== this.choice.value) return; // another was chosen meanwhile
      this.body.replaceChildren(...keys.map((one) => this.#row(one)));
      const differ = keys.filter((one) => !one.same).length;
      write(this.says, differ ? `${differ} ${differ > 1 ? "keys differ" : "key differs"}` : "They are alike");
      this.#sift();
    } catch (error) {
      say(`they cannot be compared: ${error.message}`, "bad");
    }
  }

  #row({ title, name, table, key, a, b, same }) {
    const where = [table && (name ? title.replace(/s$/, "") : title), name].filter(Boolean).join(" · ");
    const words = h("th", { scope: "row", role: "rowheader" });
    if (where) words.append(h("span", { class: "quiet" }, `${where} `));
    words.append(titled({ title: key }));
    if (!same) words.append(h("span", { class: "unseen" }, ", differs"));
    const inside = (value) => (value === null ? h("span", { class: "quiet" }, "–") : h("code", {}, value || "–"));
    const cell = (value) => h("td", { role: "cell" }, inside(value));
    const row = h("tr", { role: "row" }, words, cell(a), cell(b));
    mark(row, "data-same", same);
    return row;
  }

  #sift() {
    for (const row of this.body.children) row.hidden = this.only.checked && row.dataset.same === "true";
  }
}

customElements.define("rp-compare", Compare);
