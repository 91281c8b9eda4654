// The page: its parts are custom elements, each in a module of its own; here they are brought together.

import "./roll.js";
import "./tiles.js";
import "./foot.js";
import { tap } from "./head.js";
import { act, connect, status } from "./live.js";
import { keys_act } from "./panels.js";
import { write } from "./part.js";
import { effect } from "./store.js";

effect(() => {
  const { preset, songs } = status.value;
  const title = songs?.title ?? preset ?? "Ripieno";
  write(document.getElementById("song"), title);
  document.title = title === "Ripieno" ? title : `${title} · Ripieno`;
});

// The same keys as in the terminal, where nobody types.
const silence = () => document.querySelector("rp-panic").press();
const KEYS = {
  p: silence,
  P: silence, // Caps Lock is no reason to go on sounding
  n: () => act("next"),
  N: () => act("previous"),
  t: () => tap(),
};

const TYPED = "input:not([type=radio], [type=checkbox]), select, textarea";

document.addEventListener("keydown", (event) => {
  if (!keys_act.peek() || event.repeat) return;
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest(TYPED)) return;
  const turned = /^[1-9]$/.test(event.key);
  if (turned) document.querySelector("rp-tiles").turn(Number(event.key) - 1);
  else KEYS[event.key]?.();
});

/** On stage the screen stays awake, where the browser lets us: on this computer, or by https. */
async function stay_awake() {
  if (document.visibilityState !== "visible") return;
  await navigator.wakeLock?.request("screen").catch(() => {}); // a battery that is low, for instance
}

document.addEventListener("visibilitychange", stay_awake);
stay_awake();
connect();
