/** "Try this": one line at a time. A command in it goes into the composer when it is pressed. */

import { fill, h } from "./dom.js";
import { inline } from "./mrkdwn.js";

export class Hints {
  #at = 0;
  #lines = [];

  /** `put(text)` writes into the composer. */
  constructor(put) {
    this.put = put;
    this.node = h("div", { class: "hints", "data-testid": "hints", hidden: true });
  }

  show(lines) {
    if (JSON.stringify(lines) === JSON.stringify(this.#lines)) return;
    this.#lines = lines;
    this.#at = 0;
    this.#draw();
  }

  #draw() {
    const lines = this.#lines;
    this.node.hidden = !lines.length;
    if (!lines.length) return;
    const next = () => {
      this.#at = (this.#at + 1) % lines.length;
      this.#draw();
    };
    fill(this.node, h("strong", {}, "Try this"), h("span", { class: "grow" }, inline(lines[this.#at]).map((node) => this.#pressable(node))),
      lines.length > 1 && h("button", { type: "button", class: "linklike", onclick: next }, `Next (${this.#at + 1} of ${lines.length})`));
  }

  #pressable(node) {
    if (!(node instanceof HTMLElement) || node.tagName !== "CODE" || !node.textContent.startsWith("/")) return node;
    const text = node.textContent;
    return h("button", { type: "button", class: "code-button", title: "Put it into the composer", onclick: () => this.put(text) }, text);
  }
}
