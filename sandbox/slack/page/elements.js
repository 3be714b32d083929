/** Block Kit's elements: buttons and overflow menus here, everything that keeps an answer in fields. */

import { field } from "./fields.js";
import { fill, h, safeUrl } from "./dom.js";
import { floating } from "./floating.js";
import { image } from "./images.js";
import { text, words } from "./texts.js";

/** `labelledBy`: the id of the label the element belongs to, if it has one. */
export function element(it, block, surface, labelledBy = null) {
  if (it.type === "image") return image(it, "accessory-image");
  if (it.type === "button") return button(it, block, surface);
  if (it.type === "overflow") return overflow(it, block, surface);
  return field(it, block, surface, labelledBy);
}

export function hooks(it, block) {
  return { "data-action-id": it.action_id, "data-block-id": block.block_id };
}

function button(it, block, surface) {
  const kind = { primary: "primary", danger: "danger" }[it.style] ?? "";
  const given = it.value === undefined ? {} : { value: it.value };
  const node = h("button", {
    type: "button",
    class: `button ${kind}`,
    "data-testid": "block-button",
    ...hooks(it, block),
    "aria-label": it.accessibility_label,
    "aria-busy": surface.isBusy(block, it) ? "true" : null,
    onclick: () => {
      if (it.url && safeUrl(it.url)) window.open(safeUrl(it.url), "_blank", "noopener");
      surface.act(block, it, given, node);
    },
  }, text(it.text));
  return node;
}

function overflow(it, block, surface) {
  const node = h("button", {
    type: "button", class: "button overflow", "aria-label": "More actions", "aria-haspopup": "menu",
    "aria-expanded": "false", "data-testid": "overflow", ...hooks(it, block),
  }, "⋯");
  const menu = h("div", { role: "menu", class: "floating", popover: "manual" });
  const list = floating(node, menu);
  const choose = (option) => {
    list.close();
    node.focus();
    if (option.url && safeUrl(option.url)) window.open(safeUrl(option.url), "_blank", "noopener");
    surface.act(block, it, { selected_option: option }, node);
  };
  fill(menu, it.options.map((option) => h("button", {
    type: "button", role: "menuitem", class: "option", "data-testid": "option", "data-value": option.value, onclick: () => choose(option),
  }, words(option.text), option.description && h("small", {}, words(option.description)))));
  node.addEventListener("click", () => {
    if (list.isOpen()) return list.close();
    list.open();
    menu.firstElementChild?.focus();
  });
  menu.addEventListener("keydown", (event) => move(event, menu, () => { list.close(); node.focus(); }));
  return h("span", { class: "overflow-place" }, node, menu);
}

function move(event, menu, leave) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  if (event.key === "ArrowDown") items[(at + 1) % items.length].focus();
  else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length].focus();
  else if (event.key === "Escape" || event.key === "Tab") leave();
  else return;
  event.preventDefault();
  event.stopPropagation();
}
