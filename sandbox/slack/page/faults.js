/** The drawer in which faults of the company are switched on and off; not there when there are none. */

import { fill, h, keepingFocus } from "./dom.js";
import { show } from "./errors.js";
import { get, post } from "./server.js";

export class Faults {
  constructor() {
    this.button = h("button", { type: "button", class: "button small", "data-testid": "faults-button", "aria-expanded": "false", hidden: true, onclick: () => this.toggle() }, "Faults");
    this.list = h("ul", { class: "fault-list" });
    this.node = h("aside", { class: "drawer", "data-testid": "faults", "aria-label": "Faults", hidden: true },
      h("header", { class: "pane-head" }, h("h2", {}, "Faults"), h("button", { type: "button", class: "quiet", "aria-label": "Close", onclick: () => this.toggle() }, "×")),
      h("p", { class: "hint" }, "What is switched on here goes wrong in the simulated company until it is switched off, or cured."),
      this.list);
    this.node.addEventListener("keydown", (event) => { if (event.key === "Escape") this.toggle(); });
  }

  toggle() {
    this.node.hidden = !this.node.hidden;
    this.button.setAttribute("aria-expanded", String(!this.node.hidden));
    if (this.node.hidden) this.button.focus();
    else this.read().then(() => this.node.querySelector("input, button")?.focus());
  }

  async read() {
    try {
      this.#draw((await get("/page/faults"))?.faults ?? null);
    } catch (error) {
      show(error.message);
    }
  }

  #draw(faults) {
    this.button.hidden = !faults;
    if (!faults) return;
    const on = faults.filter((fault) => fault.on).length;
    this.button.textContent = on ? `Faults (${on} on)` : "Faults";
    this.button.classList.toggle("alarming", on > 0);
    keepingFocus(this.list, () => fill(this.list, faults.map((fault) => this.#row(fault))));
  }

  #row(fault) {
    const box = h("input", { type: "checkbox", role: "switch", checked: fault.on, "data-testid": "fault", "data-action-id": fault.name, "data-name": fault.name, onchange: () => this.#turn(fault.name, box.checked) });
    return h("li", { class: fault.on ? "fault on" : "fault" }, h("label", {}, box, h("span", { class: "grow" }, h("strong", {}, fault.title), h("small", {}, fault.what))));
  }

  async #turn(name, on) {
    try {
      await post("/page/faults", { name, on });
    } catch (error) {
      show(error.message);
    }
    await this.read();
  }
}
