/** What stands above a channel's messages: its name, topic, pins and bookmarks. */

import { clock, ofTs } from "./dates.js";
import { fill, h, link } from "./dom.js";
import { floating } from "./floating.js";
import { icon } from "./icons.js";
import { inline } from "./mrkdwn.js";
import { channelTitle, fullName } from "./workspace.js";

/** `reveal(ts)` shows a pinned message. */
export function drawChannelHead(node, one, reveal) {
  if (!one) return fill(node);
  const sign = one.is_im ? "" : one.is_private ? icon("lock") : "#";
  fill(node,
    h("h1", { "data-testid": "channel-name" }, sign, " ", channelTitle(one)),
    one.is_archived && h("span", { class: "badge" }, "ARCHIVED"),
    h("p", { class: "topic", "data-testid": "topic", title: one.topic || one.purpose }, inline(one.topic || one.purpose || "")),
    one.pins.length > 0 && pins(one.pins, reveal));
}

export function drawBookmarks(node, one) {
  const list = one?.bookmarks ?? [];
  node.hidden = !list.length;
  fill(node, list.map((mark) => h("span", { class: "bookmark", "data-testid": "bookmark" }, icon("bookmark"), " ", link(mark.link, mark.title))));
}

function pins(list, reveal) {
  const button = h("button", { type: "button", class: "button small", "data-testid": "pins", "aria-haspopup": "menu", "aria-expanded": "false" }, icon("pin"), ` ${list.length} pinned`);
  const menu = h("div", { class: "floating pins", popover: "manual", role: "menu", "aria-label": "Pinned messages" });
  const opened = floating(button, menu);
  const go = (ts) => {
    opened.close();
    reveal(ts);
  };
  fill(menu, list.map((message) => h("button", { type: "button", role: "menuitem", class: "option", "data-testid": "pin", "data-ts": message.ts, onclick: () => go(message.ts) },
    h("strong", {}, fullName(message.user)), " ", h("span", { class: "hint" }, clock(ofTs(message.ts))), h("div", { class: "excerpt" }, inline(message.text ?? "")))));
  button.addEventListener("click", () => (opened.isOpen() ? opened.close() : opened.open()));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    opened.close();
    button.focus();
  });
  return h("span", {}, button, menu);
}
