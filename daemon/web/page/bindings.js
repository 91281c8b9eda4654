// The knobs that are bound in the song that plays: how they go, and which are to be let go.

import { request, say, status, tree } from "./live.js";
import { h, Part } from "./part.js";

const CHOICES = {
  curve: ["linear", "exponential", "s-shaped", "inverted"],
  pick_up: ["jump", "pick up", "scale"],
  mode: ["auto", "value", "toggle", "momentary", "next", "previous"],
  encoder: ["absolute", "two's complement", "offset 64", "sign and magnitude"],
};
const KEYS = {
  number: ["low", "high", "curve", "pick_up", "mode", "encoder"],
  choice: ["mode", "encoder"],
  flag: ["mode", "encoder"],
  action: [],
};
const NAMES = { curve: "Curve", pick_up: "Pick-up", mode: "Mode", encoder: "Encoder", low: "From", high: "To" };

class Bindings extends Part {
  build() {
    this.list = h("div", { class: "bindings" });
    this.none = h("p", { class: "quiet" }, "No knob is bound: Learn, touch a control, move a knob.");
    this.append(h("section", { class: "group" }, h("h2", {}, "Knobs"), this.none, this.list));
    this.follow(() => this.#stands(status.value));
  }

  /** Asked anew where others are bound, or another song plays. */
  #stands({ learn, preset }) {
    const now = `${preset} ${learn?.revision}`;
    if (!learn || now === this.known) return;
    this.known = now;
    this.#show();
  }

  /** anyway: what somebody is writing, too, is put back. */
  async #show(anyway = false) {
    try {
      const { bindings } = await request("GET", "/api/learn");
      const names = bindings.map((one) => `${one.number} ${one.control} ${one.path}`).join();
      this.none.hidden = bindings.length > 0;
      if (names !== this.names) this.list.replaceChildren(...bindings.map((one) => this.#row(one)));
      else [...this.list.children].forEach((row, at) => renew(row, bindings[at], anyway));
      this.names = names;
    } catch (error) {
      say(error.message, "bad");
    }
  }

  async #change(method, at, body) {
    try {
      await request(method, at, body);
      if (method === "DELETE") await this.#show();
    } catch (error) {
      say(error.message, "bad");
      await this.#show(true); // as it is, not as it was wanted
    }
  }

  #row(one) {
    const at = `/api/learn/${one.number}`;
    const about = `${one.control} sets ${one.path}`;
    const set = (key, value) => this.#change("PUT", at, { [key]: value });
    const fields = KEYS[this.#type(one.path)]
      .filter((key) => key !== "encoder" || one.control.startsWith("controller"))
      .map((key) => (CHOICES[key] ? choice(about, key, one[key], set) : end(about, key, one[key], set)));
    const told = { type: "button", class: "deed", "aria-label": `Let go: ${about}` };
    const button = h("button", { ...told, onclick: () => this.#change("DELETE", at) }, "Let go");
    const name = h("span", { class: "label" }, `${one.control} → ${one.path}`);
    return h("div", { class: "control binding" }, name, ...fields, button);
  }

  #type(path) {
    return tree.peek().controls.find((node) => node.path === path)?.type ?? "action";
  }
}

/** A row that stays keeps its fields: who is in one of them stays there. */
function renew(row, one, anyway) {
  for (const field of row.querySelectorAll("[data-key]")) {
    if (anyway || field !== document.activeElement) field.value = one[field.dataset.key];
  }
}

function choice(about, key, value, set) {
  const options = CHOICES[key].map((word) => h("option", { value: word, ".selected": word === value }, word));
  const told = { "aria-label": `${NAMES[key]}: ${about}`, onchange: (event) => set(key, event.target.value) };
  return h("select", { ...told, title: NAMES[key], "data-key": key }, ...options);
}

function end(about, key, value, set) {
  const changed = ({ target }) => set(key, target.value.trim() === "" ? "" : Number(target.value));
  const told = { type: "text", inputmode: "decimal", placeholder: NAMES[key], title: NAMES[key], "data-key": key };
  return h("input", { ...told, ".value": value, "aria-label": `${NAMES[key]}: ${about}`, onchange: changed });
}

customElements.define("rp-bindings", Bindings);
