/** The page's own few signs, drawn here so that they look the same on a machine without emoji. */

const PATHS = {
  bookmark: "M4 2h8v12l-4-3-4 3z",
  eye: "M8 3.5C4.5 3.5 2 6 1 8c1 2 3.5 4.5 7 4.5S14 10 15 8c-1-2-3.5-4.5-7-4.5zm0 7a2.5 2.5 0 1 1 0-5 2.5 2.5 0 0 1 0 5z",
  lock: "M4 7V5a4 4 0 0 1 8 0v2h1v7H3V7zm2 0h4V5a2 2 0 0 0-4 0z",
  pin: "M6 2h5l-.5 4.5L13 9v1H8.7L8 15l-.7-5H3V9l2.5-2.5z",
  reply: "M2 3h12v8H8l-3 3v-3H2z",
};
const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const sign = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  sign.setAttribute("viewBox", "0 0 16 16");
  sign.setAttribute("class", "icon");
  sign.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  path.setAttribute("fill-rule", "evenodd");
  sign.append(path);
  return sign;
}
