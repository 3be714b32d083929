/** Block Kit's blocks, each drawn in its own way. A kind this page does not know says its name. */

import { interactive } from "./answers.js";
import { element } from "./elements.js";
import { freshId, h } from "./dom.js";
import { image, imageBlock } from "./images.js";
import { markdown } from "./markdown.js";
import { plan, taskCard } from "./plan.js";
import { richText } from "./rich_text.js";
import { table } from "./table.js";
import { text, words } from "./texts.js";

const DRAWN = {
  section,
  header: (block) => h("div", { class: "header", role: "heading", "aria-level": String(block.level ?? 3) }, words(block.text)),
  divider: () => h("hr"),
  context,
  actions,
  input,
  image: imageBlock,
  rich_text: richText,
  table,
  plan,
  task_card: (block, surface) => h("ol", { class: "tasks" }, taskCard(block, surface)),
  markdown: (block) => markdown(block.text),
  file: (block) => h("p", { class: "hint" }, `[remote file ${block.external_id}]`),
};

/** All blocks of a message or a view. `errors`: what is wrong with which input block. */
export function blocks(surface, errors = {}) {
  return surface.blocks.map((block) => {
    const draw = DRAWN[block.type];
    const drawn = draw ? draw(block, surface, errors[block.block_id]) : h("p", { class: "unknown" }, `[A ${block.type} block, which this page cannot show]`);
    return h("div", { class: `block block-${block.type}`, "data-block-id": block.block_id, "data-block-type": block.type }, drawn);
  });
}

function section(block, surface) {
  const body = h("div", { class: "grow" },
    block.text && h("div", { class: "text" }, text(block.text)),
    block.fields && h("div", { class: "fields" }, block.fields.map((field) => h("div", { class: "text" }, text(field)))));
  const accessory = block.accessory && h("div", { class: "accessory" }, element(block.accessory, block, surface));
  return h("div", { class: "section" }, body, accessory);
}

function context(block) {
  return h("div", { class: "context" }, block.elements.map((part) =>
    part.type === "image" ? image(part, "context-image") : h("span", { class: "text" }, text(part))));
}

function actions(block, surface) {
  return h("div", { class: "actions" }, block.elements.map((part) => element(part, block, surface)));
}

function input(block, surface, wrong) {
  const id = freshId("input");
  const body = element(block.element, block, surface, `${id}-label`);
  const error = h("p", { id: `${id}-error`, class: "input-error", "data-testid": "input-error", "data-block-id": block.block_id, role: "alert" });
  const node = h("div", { class: "input", "data-testid": "input-block", "data-block-id": block.block_id },
    h("span", { class: "label", id: `${id}-label`, onclick: () => focusable(body)?.focus() },
      words(block.label), block.optional && h("span", { class: "hint" }, " (optional)")),
    body, error, block.hint && h("p", { class: "hint", id: `${id}-hint` }, words(block.hint)));
  const entry = focusable(body);
  entry?.setAttribute("aria-describedby", `${id}-error${block.hint ? ` ${id}-hint` : ""}`);
  if (!block.optional) entry?.setAttribute("aria-required", "true");
  mark(node, wrong);
  return node;
}

function focusable(node) {
  return node.matches("input, textarea") ? node : node.querySelector("input, textarea");
}

/** Say below an input what is wrong with it; nothing when `wrong` is empty. */
export function mark(node, wrong) {
  node.classList.toggle("wrong", Boolean(wrong));
  node.querySelector(".input-error").textContent = wrong ?? "";
  const entry = focusable(node);
  if (wrong) entry?.setAttribute("aria-invalid", "true");
  else entry?.removeAttribute("aria-invalid");
}

export function firstField(node) {
  return focusable(node);
}

export function hasFields(block) {
  return interactive(block).length > 0;
}
