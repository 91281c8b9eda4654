// What all elements of the page have in common.

import { effect } from "./store.js";

/** An element with attributes, properties (.name), handlers (onname) and children. */
export function h(name, told = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(told)) {
    if (value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key.startsWith(".")) element[key.slice(1)] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((one) => one !== null && one !== undefined));
  return element;
}

/** Set an attribute only where it is another: who reads the screen is told of each time it is set. */
export function mark(element, name, value) {
  const text = String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

/** Likewise its text. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make what is in an element anew; whoever was at a control in it is there again, if it still is. */
export function renew(element, make) {
  const here = document.activeElement;
  const path = element.contains(here) ? here.dataset.path : undefined;
  make();
  if (path) element.querySelector(`[data-path="${CSS.escape(path)}"]`)?.focus({ preventScroll: true });
}

/** A custom element: `build` once, then what it follows runs while it is on the page. */
export class Part extends HTMLElement {
  #built = false;
  #acts = [];
  #ends = [];

  connectedCallback() {
    if (!this.#built) {
      this.#built = true;
      this.build();
    }
    this.#ends = this.#acts.map(effect);
  }

  disconnectedCallback() {
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  build() {}

  /** For `build`: run this now and whenever what it reads is another. */
  follow(act) {
    this.#acts.push(act);
  }
}
