/** Days and times. All of them are UTC, and say so. */

import { h } from "./dom.js";
import { isoDay } from "./dates.js";

export function moment({ it, block, surface, labelledBy }) {
  const answer = surface.answers.of(block, it);
  const parts = it.type === "datetimepicker" ? both(answer) : one(it.type, answer);
  const give = () => surface.changed(block, it, read(it.type, parts), node);
  for (const part of parts) {
    part.addEventListener("change", give);
    part.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  }
  const node = h("div", {
    role: "group", class: "moment", "aria-labelledby": labelledBy, "data-testid": "field",
    "data-action-id": it.action_id, "data-block-id": block.block_id,
  }, parts, it.type === "datepicker" ? null : h("span", { class: "hint" }, "UTC"));
  return node;
}

function one(type, answer) {
  const kind = type === "datepicker" ? "date" : "time";
  return [entry(kind, answer ?? "")];
}

function both(seconds) {
  const date = seconds ? new Date(seconds * 1000) : null;
  return [entry("date", date ? isoDay(date) : ""), entry("time", date ? date.toISOString().slice(11, 16) : "")];
}

function entry(kind, value) {
  return h("input", { type: kind, class: "entry", "data-part": kind, "aria-label": kind === "date" ? "Day" : "Time, UTC", value });
}

function read(type, [first, second]) {
  if (type !== "datetimepicker") return first.value || null;
  if (!first.value) return null;
  return Math.floor(Date.parse(`${first.value}T${second.value || "00:00"}:00Z`) / 1000);
}
