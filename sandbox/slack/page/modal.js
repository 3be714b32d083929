/**
 * The modal on top of a person's stack. What was typed stays: through errors, through updates by the
 * app, and below another modal that was pushed over it.
 */

import { Answers } from "./answers.js";
import { blocks, firstField, mark } from "./blocks.js";
import { fill, freshId, h, keepingFocus } from "./dom.js";
import { forget, show, showIn } from "./errors.js";
import { post } from "./server.js";
import { Surface } from "./surface.js";
import { text } from "./texts.js";
import { workspace } from "./workspace.js";

export class Modal {
  #view = null;
  #answers = new Map(); // By view id.
  #errors = {};
  #sending = false;

  constructor() {
    const id = freshId("modal");
    this.title = h("h2", { id });
    this.back = h("button", { type: "button", class: "quiet", "aria-label": "Back", onclick: () => this.#close() }, "‹");
    this.problems = h("div", { class: "modal-errors" });
    this.body = h("div", { class: "modal-body" });
    this.close = h("button", { type: "button", class: "button", "data-testid": "modal-close", onclick: () => this.#close() });
    this.submit = h("button", { type: "submit", class: "button primary", "data-testid": "modal-submit" });
    const cross = h("button", { type: "button", class: "quiet", "aria-label": "Close", "data-testid": "modal-cross", onclick: () => this.#close() }, "×");
    const form = h("form", { method: "dialog", novalidate: true, onsubmit: (event) => this.#submit(event) },
      h("header", { class: "modal-head" }, this.back, this.title, cross), this.problems, this.body,
      h("footer", { class: "dialog-buttons" }, this.close, this.submit));
    this.node = h("dialog", { class: "modal", role: "dialog", "aria-modal": "true", "aria-labelledby": id, "data-testid": "modal" }, form);
    this.node.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#close();
    });
    document.body.append(this.node);
    showIn(this.problems);
  }

  /** Show this view; null when the last one is gone. */
  show(view) {
    if (!view) return this.#gone();
    const same = this.#view?.id === view.id;
    if (!same) this.#errors = {};
    this.#view = view;
    this.#draw(same);
    if (this.node.open) return;
    forget();
    this.node.showModal();
    firstField(this.body)?.focus();
  }

  #gone() {
    this.#view = null;
    this.#answers.clear();
    if (this.node.open) this.node.close();
  }

  #draw(same) {
    const view = this.#view;
    fill(this.title, text(view.title));
    this.back.hidden = !view.previous_view_id;
    fill(this.close, view.close ? text(view.close) : "Close");
    fill(this.submit, text(view.submit));
    this.submit.hidden = !view.submit;
    this.node.dataset.viewId = view.id;
    keepingFocus(this.body, () => fill(this.body, blocks(this.#surface(), this.#errors)));
    if (!same) this.body.scrollTop = 0;
  }

  #surface() {
    const view = this.#view;
    if (!this.#answers.has(view.id)) this.#answers.set(view.id, new Answers(view.state?.values));
    return new Surface({ view_id: view.id }, this.#answers.get(view.id), view.blocks);
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#sending || !this.#view?.submit) return;
    const view = this.#view;
    this.#busy(true);
    forget();
    try {
      const values = this.#answers.get(view.id).all(view.blocks);
      const answer = await post("/page/submit", { user: workspace.me.id, view_id: view.id, values });
      if (this.#view?.id === view.id) this.#mark(answer?.errors ?? {});
    } catch (error) {
      show(error.message);
    } finally {
      this.#busy(false);
    }
  }

  #busy(on) {
    this.#sending = on;
    this.submit.toggleAttribute("aria-busy", on);
    this.node.classList.toggle("sending", on);
  }

  #mark(errors) {
    this.#errors = errors;
    const inputs = [...this.body.querySelectorAll("[data-testid=input-block]")];
    for (const input of inputs) mark(input, errors[input.dataset.blockId]);
    const known = new Set(inputs.map((input) => input.dataset.blockId));
    for (const [name, wrong] of Object.entries(errors)) if (!known.has(name)) show(wrong);
    const first = inputs.find((input) => errors[input.dataset.blockId]);
    if (!first) return;
    first.scrollIntoView({ block: "nearest" });
    firstField(first)?.focus();
  }

  async #close() {
    if (!this.#view) return;
    try {
      await post("/page/close", { user: workspace.me.id, view_id: this.#view.id });
    } catch (error) {
      show(error.message);
    }
  }
}
