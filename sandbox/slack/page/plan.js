/** The plan block: a title and its tasks, each with a status in words as well as a sign. */

import { h, link, spoken } from "./dom.js";
import { richText } from "./rich_text.js";

const STATUS = {
  pending: ["", "Waiting"],
  in_progress: ["", "In progress"],
  complete: ["✓", "Done"],
  error: ["!", "Error"],
};

const folded = new Map(); // What a person folded or opened stays so when the message is edited.

export function plan(block, surface) {
  return h("div", { class: "plan", role: "group", "aria-label": block.title, "data-testid": "plan" },
    h("div", { class: "plan-title", role: "heading", "aria-level": "3" }, block.title),
    h("ol", { class: "tasks" }, (block.tasks ?? []).map((task) => taskCard(task, surface))));
}

export function taskCard(task, surface) {
  const [sign, word] = STATUS[task.status] ?? ["?", task.status];
  const head = [
    h("span", { class: `sign ${task.status}`, "aria-hidden": "true", title: word }, sign),
    spoken(`${word}: `),
    h("span", { class: "task-title" }, task.title),
  ];
  const inside = [
    task.details && h("div", { class: "task-details" }, richText(task.details)),
    task.output && h("div", { class: "task-output" }, richText(task.output)),
    task.sources?.length && h("p", { class: "sources" }, task.sources.map((source) => link(source.url, source.text))),
  ].filter(Boolean);
  const card = inside.length ? foldable(task, surface, head, inside) : h("div", { class: "task-head" }, head);
  return h("li", { class: "task", "data-testid": "task-card", "data-task-id": task.task_id, "data-status": task.status }, card);
}

function foldable(task, surface, head, inside) {
  const key = `${JSON.stringify(surface.where)} ${task.task_id}`;
  const node = h("details", { open: folded.get(key) ?? true },
    h("summary", { class: "task-head" }, head), h("div", { class: "task-body" }, inside));
  node.addEventListener("toggle", () => folded.set(key, node.open));
  return node;
}
