/** The table block. Its first row is its head, as Slack draws it; wide ones scroll sideways. */

import { h } from "./dom.js";
import { richText } from "./rich_text.js";

export function table(block) {
  const settings = block.column_settings ?? [];
  const [head, ...body] = block.rows;
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" },
    h("table", { class: "table", "data-testid": "table" },
      h("thead", {}, row(head, settings, "th")),
      h("tbody", {}, body.map((cells) => row(cells, settings, "td")))));
}

function row(cells, settings, tag) {
  return h("tr", {}, cells.map((cell, at) => {
    const { align, is_wrapped: wrapped } = settings[at] ?? {};
    const scope = tag === "th" ? "col" : null;
    return h(tag, { scope, class: `${align ?? "left"} ${wrapped ? "wrapped" : ""}` }, content(cell));
  }));
}

function content(cell) {
  if (!cell) return "";
  if (cell.type === "rich_text") return richText(cell);
  return cell.text ?? String(cell.value ?? "");
}
