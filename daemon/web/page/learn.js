// MIDI learn: touch a control here, move a knob there, and from then on the one moves the other.

import { request, say, status } from "./live.js";
import { h, mark, Part, write } from "./part.js";
import { Signal } from "./store.js";

export const learning = new Signal(false);
const chosen = new Signal(""); // the path of the control that was touched last

/** This control is meant. */
export async function touched(path) {
  if (chosen.peek() === path) return;
  chosen.value = path;
  try {
    await request("POST", "/api/learn", { path });
    say(`now move a knob for ${path}`);
  } catch (error) {
    if (chosen.peek() === path) chosen.value = "";
    say(`${path} cannot be learnt: ${error.message}`, "bad");
  }
}

/** While it learns, what is touched is meant; else it is done: act(path). */
export function meant(path, act) {
  return learning.peek() ? touched(path) : act(path);
}

/** For a Part's `build`: an element shows that it is the one that waits for a knob. path: gives its own. */
export function shows_learning(part, element, path) {
  part.follow(() => element.toggleAttribute("chosen", learning.value && chosen.value === path()));
}

function leave() {
  if (!learning.peek()) return;
  learning.value = false;
  chosen.value = "";
  request("DELETE", "/api/learn").catch(() => {}); // whoever waited for a knob waits no more
}

class Learn extends Part {
  #revision = 0; // of what is bound
  #waited = ""; // the path that waited for a knob when we heard last

  /** Where a knob has moved, or another page took over, our control waits no more: the next one may be touched. */
  #heard({ learning: path = "", revision = 0 } = {}) {
    const wanted = chosen.peek();
    const over = this.#waited === wanted && path !== wanted;
    if (over || (revision !== this.#revision && !path)) chosen.value = "";
    this.#revision = revision;
    this.#waited = path;
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
    addEventListener("pagehide", leave); // knobs are not played while one is waited for
  }
}

customElements.define("rp-learn", Learn);
