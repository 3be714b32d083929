/**
 * One menu for every kind of select: type to search, arrows and Enter to choose, several as chips.
 */

import { fill, freshId, h } from "./dom.js";
import { floating } from "./floating.js";
import { words } from "./texts.js";

/** `search(typed)` answers [{label?, options}]; `least`: characters before it is asked. */
export function chooser({ it, block, surface, labelledBy, search, asOption, asAnswer, least = 0 }) {
  return new Chooser({ it, block, surface, labelledBy, search, asOption, asAnswer, least }).node;
}

class Chooser {
  #asked = 0;
  #at = -1;
  #options = [];

  constructor(about) {
    Object.assign(this, about);
    this.several = this.it.type.startsWith("multi_");
    const listId = freshId("options");
    this.entry = h("input", {
      type: "text", class: "chooser-entry", role: "combobox", autocomplete: "off", "aria-autocomplete": "list",
      "aria-controls": listId, "aria-expanded": "false", "aria-labelledby": this.labelledBy, "data-part": "entry",
      "aria-label": this.labelledBy ? null : words(this.it.placeholder) || "Choose", autofocus: this.it.focus_on_load,
    });
    this.list = h("div", { id: listId, role: "listbox", class: "floating", popover: "manual", "aria-label": "Options", "aria-multiselectable": this.several || null });
    this.chips = h("span", { class: "chips" });
    this.box = h("div", { class: "chooser-box" }, this.chips, this.entry, h("span", { class: "chooser-sign", "aria-hidden": "true" }, "▾"));
    this.node = h("div", { class: "chooser", "data-testid": "field", "data-action-id": this.it.action_id, "data-block-id": this.block.block_id }, this.box, this.list);
    this.floating = floating(this.box, this.list);
    this.#listen();
    this.#draw();
  }

  get chosen() {
    const answer = this.surface.answers.of(this.block, this.it);
    return [answer ?? []].flat().map(this.asOption);
  }

  #listen() {
    this.box.addEventListener("click", (event) => {
      if (event.target.closest("button")) return;
      this.entry.focus();
      if (!this.floating.isOpen()) this.#open("");
    });
    this.entry.addEventListener("input", () => this.#open(this.entry.value));
    this.entry.addEventListener("keydown", (event) => this.#key(event));
    this.entry.addEventListener("blur", () => this.#leave());
    // A press on a chip or an option leaves the focus here, or it would redraw what is pressed.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.box.addEventListener("pointerdown", (event) => { if (event.target !== this.entry) event.preventDefault(); });
  }

  #leave() {
    this.floating.close();
    this.#draw();
  }

  #draw() {
    const chosen = this.chosen;
    const label = words(this.it.placeholder) || "Choose…";
    this.entry.value = this.several ? "" : chosen.map((option) => words(option.text)).join("");
    this.entry.placeholder = this.several && chosen.length ? "" : label;
    const gone = (option) => h("button", { type: "button", class: "quiet", "aria-label": `Remove ${words(option.text)}`, onclick: () => this.#drop(option) }, "×");
    const chips = chosen.map((option) => h("span", { class: "chip", "data-value": option.value }, words(option.text), gone(option)));
    fill(this.chips, this.several ? chips : null);
    this.box.classList.toggle("several", this.several);
    const clearable = !this.several && chosen.length && this.block.type === "input" && this.block.optional;
    this.box.querySelector(".clear")?.remove();
    if (clearable) this.entry.after(h("button", { type: "button", class: "quiet clear", "aria-label": "Clear", onclick: () => this.#give([]) }, "×"));
  }

  async #open(typed) {
    const asked = (this.#asked += 1);
    this.#at = -1;
    this.entry.removeAttribute("aria-activedescendant");
    if (typed.length < this.least) return this.#say(`Type ${this.least === 1 ? "a character" : `${this.least} characters`} to search`);
    if (this.it.type.includes("external")) this.#say("Searching…");
    let groups;
    try {
      groups = await this.search(typed);
    } catch (error) {
      if (asked === this.#asked) this.#say(error.message);
      return;
    }
    if (asked === this.#asked && this.node.contains(document.activeElement)) this.#offer(groups);
  }

  #say(text) {
    this.#options = [];
    fill(this.list, h("p", { class: "hint" }, text));
    this.floating.open();
  }

  #offer(groups) {
    const chosen = new Set(this.chosen.map((option) => option.value));
    this.#options = groups.flatMap((group) => group.options);
    if (!this.#options.length) return this.#say("Nothing matches");
    fill(this.list, groups.map((group) => [
      group.label && h("p", { class: "option-group" }, words(group.label)),
      group.options.map((option) => this.#row(option, chosen.has(option.value))),
    ]));
    this.floating.open();
    this.floating.place();
    this.#point(Math.max(0, this.several ? 0 : this.#options.findIndex((option) => chosen.has(option.value))));
  }

  #row(option, isChosen) {
    return h("div", {
      role: "option", class: "option", id: freshId("option"), "aria-selected": String(isChosen),
      "data-testid": "option", "data-value": option.value, onclick: () => this.#pick(option),
    }, h("span", {}, words(option.text)), option.description?.text && h("small", {}, words(option.description)));
  }

  #point(at) {
    const rows = [...this.list.querySelectorAll("[role=option]")];
    rows.forEach((row, index) => row.classList.toggle("pointed", index === at));
    this.#at = at;
    if (!rows[at]) return;
    this.entry.setAttribute("aria-activedescendant", rows[at].id);
    rows[at].scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const isOpen = this.floating.isOpen();
    const count = this.#options.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (!isOpen) this.#open("");
      else if (count) this.#point((this.#at + step + count) % count);
    } else if (event.key === "Enter") {
      if (isOpen && this.#options[this.#at]) this.#pick(this.#options[this.#at]);
      else if (!isOpen) this.#open("");
    } else if (event.key === "Escape" && isOpen) {
      this.#leave();
    } else {
      if (event.key === "Backspace" && this.several && !this.entry.value && this.chosen.length) this.#drop(this.chosen.at(-1));
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #pick(option) {
    if (!this.several) return this.#give([option]);
    const kept = this.chosen.filter((one) => one.value !== option.value);
    const most = this.it.max_selected_items ?? 100;
    if (kept.length < this.chosen.length) this.#give(kept);
    else if (kept.length < most) this.#give([...kept, option]);
    else this.#say(`No more than ${most} can be chosen`);
  }

  #drop(option) {
    this.#give(this.chosen.filter((one) => one.value !== option.value));
  }

  async #give(options) {
    const answers = options.map(this.asAnswer);
    const answer = this.several ? answers : answers[0] ?? null;
    this.floating.close();
    const sent = this.surface.changed(this.block, this.it, answer, this.node);
    this.#draw();
    await sent;
    this.#draw();
  }
}
