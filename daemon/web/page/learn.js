// MIDI learn: touch a control here, move a knob there, and from then on the one moves the other.

import { request, say, status } from "./live.js";
import { h, mark, Part, write } from "./part.js";
import { Signal } from "./store.js";

export const learning = new Signal(false);
export const chosen = new Signal(""); // the path of the control that was touched last

/** This control is meant. */
export async function touched(path) {
  if (chosen.peek() === path) return;
  chosen.value = path;
  try {
    await request("POST", "/api/learn", { path });
    say(`now move a knob for ${path}`);
  } catch (error) {
    say(`${path} cannot be learnt: ${error.message}`, "bad");
  }
}

function leave() {
  if (!learning.peek()) return;
  learning.value = false;
  chosen.value = "";
  request("DELETE", "/api/learn").catch(() => {}); // whoever waited for a knob waits no more
}

class Learn extends Part {
  #revision = 0; // of what is bound

  /** No control waits any more where a knob has moved: the next one may be touched. */
  #heard({ learning: path = "", revision = 0 } = {}) {
    if (revision !== this.#revision && !path) chosen.value = "";
    this.#revision = revision;
  }

  build() {
    const turn = () => (learning.peek() ? leave() : (learning.value = true));
    const button = h("button", { type: "button", class: "learn", onclick: turn }, "Learn");
    this.append(button);
    this.follow(() => {
      mark(button, "aria-pressed", learning.value);
      write(button, !learning.value ? "Learn" : chosen.value ? "Move a knob" : "Touch a control");
      document.body.toggleAttribute("learning", learning.value);
    });
    this.follow(() => this.#heard(status.value.learn));
    document.addEventListener("keydown", (event) => event.key === "Escape" && leave());
  }
}

customElements.define("rp-learn", Learn);
