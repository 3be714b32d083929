/** Mentions of people, groups, channels and everyone, each marked when it means the reader. */

import { h } from "./dom.js";
import { channel, channelTitle, fullName, groupHandle, handle, workspace } from "./workspace.js";

export function personTag(id, label = "") {
  const mine = id === workspace.me.id;
  const name = workspace.users.has(id) ? handle(id) : label || id;
  return h("span", { class: mine ? "mention mine" : "mention", title: fullName(id) }, `@${name.replace(/^@/, "")}`);
}

export function groupTag(id, label = "") {
  const group = workspace.groups.get(id);
  const mine = group?.members.includes(workspace.me.id);
  const name = group ? groupHandle(id) : label || id;
  return h("span", { class: mine ? "mention mine" : "mention" }, `@${name.replace(/^@/, "")}`);
}

export function rangeTag(range) {
  return h("span", { class: "mention mine" }, `@${range.split("|")[0]}`);
}

export function channelTag(id, label = "") {
  const known = channel(id);
  if (!known) return h("span", { class: "mention" }, label ? `#${label.replace(/^#/, "")}` : "a private channel");
  return h("a", { class: "mention", href: `#${id}` }, `#${channelTitle(known)}`);
}
