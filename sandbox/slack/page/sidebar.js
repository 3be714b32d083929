/** The channels, direct messages and the app, each with what is unread in it. */

import { fill, h, keepingFocus } from "./dom.js";
import { icon } from "./icons.js";
import { avatar } from "./message.js";
import { channelTitle, fullName, workspace } from "./workspace.js";

/** `current`: the id of the channel that is open, or "home". */
export function drawSidebar(node, current) {
  const channels = workspace.channels.filter((one) => !one.is_im);
  const mine = channels.filter((one) => one.is_member && !one.is_archived);
  const others = channels.filter((one) => !one.is_member && !one.is_archived);
  const archived = channels.filter((one) => one.is_archived);
  const direct = workspace.channels.filter((one) => one.is_im);
  keepingFocus(node, () => fill(node,
    group("Apps", [homeRow(current)]),
    group("Channels", mine.map((one) => row(one, current))),
    others.length > 0 && group("Other channels", others.map((one) => row(one, current))),
    direct.length > 0 && group("Direct messages", direct.map((one) => row(one, current))),
    archived.length > 0 && group("Archived", archived.map((one) => row(one, current)))));
}

function group(title, rows) {
  return h("section", { class: "channel-group" }, h("h2", {}, title), h("ul", {}, rows.map((one) => h("li", {}, one))));
}

function homeRow(current) {
  const name = workspace.app?.name ?? "Runbook Bot";
  return h("a", { href: "#home", class: "channel-row", "data-testid": "home-row", "data-key": "home", "aria-current": current === "home" ? "page" : null },
    h("span", { class: "channel-sign app", "aria-hidden": "true" }, "▶"), h("span", { class: "grow" }, name), h("span", { class: "badge" }, "APP"));
}

function row(one, current) {
  const unread = current === one.id ? 0 : one.unread;
  const label = `${one.is_private && !one.is_im ? "private channel " : ""}${channelTitle(one)}${unread ? `, ${unread} unread` : ""}`;
  return h("a", {
    href: `#${one.id}`, class: unread ? "channel-row unread" : "channel-row", "data-testid": "channel-row", "data-key": one.id,
    "data-channel": one.id, "data-name": one.name, "aria-label": label, title: channelTitle(one), "aria-current": current === one.id ? "page" : null,
  }, sign(one), h("span", { class: "grow ellipsis" }, channelTitle(one)), unread > 0 && h("span", { class: "unread-count", "data-testid": "unread" }, String(unread)));
}

function sign(one) {
  if (one.is_im) return avatar(one.user, fullName(one.user), workspace.users.get(one.user)?.is_bot);
  return h("span", { class: "channel-sign", "aria-hidden": "true" }, one.is_private ? icon("lock") : "#");
}
