/**
 * Errors, in red, where the person looks: below the composer, where no list of suggestions covers
 * them, and within the modal when one is open. They stay until they are dismissed, because what
 * failed at 3 a.m. has to be seen.
 */

import { fill, h } from "./dom.js";

const MOST = 4;
const places = new Set();
let lines = [];
let lastNumber = 0;

/** `place` shows the lines from now on. */
export function showIn(place) {
  places.add(place);
  draw(place);
}

export function show(text) {
  lastNumber += 1;
  lines = [...lines.filter((line) => line.text !== text), { text, number: lastNumber }].slice(-MOST);
  drawAll();
}

export function forget() {
  lines = [];
  drawAll();
}

function drawAll() {
  for (const place of places) draw(place);
}

function draw(place) {
  fill(place, lines.map((line) => h("p", { class: "error-line", "data-testid": "error-line", role: "alert" },
    h("span", { "aria-hidden": "true", class: "error-sign" }, "!"),
    h("span", { class: "grow" }, line.text),
    h("button", { type: "button", class: "quiet", "aria-label": "Dismiss", onclick: () => dismiss(line) }, "×"))));
}

function dismiss(gone) {
  lines = lines.filter((line) => line !== gone);
  drawAll();
}
