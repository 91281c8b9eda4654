// A preset's text: its lines numbered, those with mistakes marked.

import { h, mark, Part } from "./part.js";

export class TextView extends Part {
  /** typed: what is done with what somebody types. */
  constructor(typed) {
    super();
    const told = { spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off" };
    const label = "The preset as text, in TOML";
    this.area = h("textarea", { ...told, "aria-label": label, oninput: () => this.#input(typed) });
    this.numbers = h("pre", { class: "numbers", "aria-hidden": "true" });
    this.area.addEventListener("scroll", () => (this.numbers.scrollTop = this.area.scrollTop));
    this.wrong = new Map();
  }

  build() {
    this.append(h("h3", {}, "Text"), h("div", { class: "lines" }, this.numbers, this.area));
  }

  #input(typed) {
    this.#number();
    typed(this.area.value);
  }

  show(text) {
    if (this.area.value === text) return;
    const { scrollTop } = this.area;
    this.area.value = text;
    this.area.scrollTop = scrollTop;
    this.#number();
  }

  /** Mark where something is wrong. */
  point(problems) {
    this.wrong = new Map(problems.map((one) => [one.line, one.error]));
    mark(this.area, "aria-invalid", problems.length > 0);
    this.#number();
  }

  #number() {
    const count = this.area.value.split("\n").length;
    const line = (n) => h("span", this.wrong.has(n) ? { class: "wrong", title: this.wrong.get(n) } : {}, `${n}\n`);
    this.numbers.replaceChildren(...Array.from({ length: count }, (_, at) => line(at + 1)));
    this.numbers.scrollTop = this.area.scrollTop;
  }

  /** Select a line, and have it in sight. */
  lead(line) {
    document.querySelector('[name="side"][value="text"]')?.click();
    const lines = this.area.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    this.area.focus();
    this.area.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
    const high = this.area.scrollHeight / lines.length;
    this.area.scrollTop = Math.max(0, (line - 4) * high);
    return true;
  }
}

customElements.define("rp-preset-text", TextView);
