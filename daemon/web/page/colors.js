// Colours that can be told apart in the dark.

const DARKEST = 0.3; // relative luminance that a colour has at least on the page's black (WCAG: contrast above 6)
const OWN = ["#ff6b7a", "#f4b04e", "#4cc98f", "#5aa9ff", "#b695f0", "#5fd0dc", "#d98a5f", "#a5cf4c"];

function parts(color) {
  const number = Number.parseInt(color.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((one) => ((one / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The colour as it is, or mixed with white until it shines. */
export function bright(color, place = 0) {
  let rgb = /^#[0-9a-f]{6}$/i.test(color ?? "") ? parts(color) : parts(OWN[place % OWN.length]);
  while (luminance(rgb) < DARKEST) rgb = rgb.map((one) => Math.min(255, one + (255 - one) * 0.08 + 1));
  return `rgb(${rgb.map(Math.round).join(" ")})`;
}
