/** The elements that keep an answer: text, numbers, choices, menus, days and times. */

import { chooser } from "./chooser.js";
import { freshId, h } from "./dom.js";
import { groupsFor } from "./menus.js";
import { moment } from "./moments.js";
import { text, words } from "./texts.js";

const TEXTS = new Set(["plain_text_input", "number_input", "email_text_input", "url_text_input"]);
const MOMENTS = new Set(["datepicker", "timepicker", "datetimepicker"]);

export function field(it, block, surface, labelledBy) {
  const about = { it, block, surface, labelledBy };
  if (TEXTS.has(it.type)) return written(about);
  if (it.type === "checkboxes" || it.type === "radio_buttons") return ticked(about);
  if (MOMENTS.has(it.type)) return moment(about);
  const groups = groupsFor(it, block, surface);
  return groups ? chooser({ ...about, ...groups }) : h("span", { class: "unknown" }, `[${it.type} is not shown here]`);
}

function written({ it, block, surface, labelledBy }) {
  const long = it.type === "plain_text_input" && it.multiline;
  const node = h(long ? "textarea" : "input", {
    class: "entry",
    type: long ? null : { email_text_input: "email", url_text_input: "url" }[it.type] ?? "text",
    inputmode: it.type === "number_input" ? (it.is_decimal_allowed ? "decimal" : "numeric") : null,
    rows: long ? "4" : null,
    maxlength: it.max_length ?? 3000,
    placeholder: words(it.placeholder),
    autocomplete: "off",
    autofocus: it.focus_on_load,
    "aria-labelledby": labelledBy,
    "data-testid": "field",
    "data-action-id": it.action_id,
    "data-block-id": block.block_id,
    value: surface.answers.of(block, it) ?? "",
  });
  const on = it.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
  node.addEventListener("input", () => {
    surface.typed(block, it, node.value || null);
    if (block.dispatch_action && on.includes("on_character_entered")) surface.changed(block, it, node.value || null, node);
  });
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || (long && !event.metaKey && !event.ctrlKey)) return;
    if (!block.dispatch_action || !on.includes("on_enter_pressed")) return;
    event.preventDefault();
    surface.changed(block, it, node.value || null, node);
  });
  const counted = it.max_length && long ? counter(node, it.max_length) : null;
  return counted ? h("div", {}, node, counted) : node;
}

function counter(node, most) {
  const left = h("span", { class: "hint counter", "aria-hidden": "true" });
  const count = () => { left.textContent = `${node.value.length} of ${most}`; };
  node.addEventListener("input", count);
  count();
  return left;
}

function ticked({ it, block, surface, labelledBy }) {
  const several = it.type === "checkboxes";
  const chosen = [surface.answers.of(block, it) ?? []].flat().map((option) => option.value);
  const group = freshId("choice");
  const boxes = it.options.map((option) => h("input", {
    type: several ? "checkbox" : "radio", name: group, "data-value": option.value, "data-testid": "choice",
    checked: chosen.includes(option.value), onchange: () => changed(),
  }));
  const changed = async () => {
    const now = it.options.filter((option, at) => boxes[at].checked);
    const kept = await surface.changed(block, it, several ? now : now[0] ?? null, node);
    if (!kept) boxes.forEach((box, at) => { box.checked = chosen.includes(it.options[at].value); });
  };
  const rows = it.options.map((option, at) => h("label", { class: "choice" }, boxes[at],
    h("span", { class: "text" }, text(option.text), option.description && h("small", {}, text(option.description)))));
  const node = h("div", {
    role: several ? "group" : "radiogroup", "aria-labelledby": labelledBy, class: "choices",
    "data-action-id": it.action_id, "data-block-id": block.block_id, "data-testid": "field",
  }, rows);
  return node;
}
