/** One message: who, when, what, and what hangs on it. */

import { Answers } from "./answers.js";
import { attachments, files, reactions } from "./attached.js";
import { blocks } from "./blocks.js";
import { clock, exact, ofTs } from "./dates.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { mrkdwn } from "./mrkdwn.js";
import { Surface } from "./surface.js";
import { fullName, handle, hue, roleOf, workspace } from "./workspace.js";

const QUIET = new Set(["channel_join", "channel_leave", "channel_topic", "channel_purpose", "channel_name", "channel_archive", "channel_unarchive", "pinned_item", "bot_add"]);
const answersOf = new Map(); // By channel and ts: a message that is edited keeps what was chosen in it.

/** about: {channel, follows, thread(ts), dismiss(ts)}; `thread` is null within a thread. */
export function messageRow(message, about) {
  const quiet = QUIET.has(message.subtype);
  const follows = about.follows && !quiet && !message.ephemeral;
  return h("article", {
    class: ["message", quiet && "quietly", follows && "follows", message.ephemeral && "ephemeral", isPinned(message) && "pinned"].filter(Boolean).join(" "),
    "data-testid": "message", "data-ts": message.ts, "data-user": message.user, "data-ephemeral": message.ephemeral || null,
    "aria-label": `${author(message)}, ${clock(ofTs(message.ts))}`, tabindex: "-1",
  }, gutter(message, follows), h("div", { class: "message-body" },
    marks(message, about), !follows && head(message), body(message, about), reactions(message), replies(message, about)));
}

function author(message) {
  return message.username || (message.user ? fullName(message.user) : "Slackbot");
}

function gutter(message, follows) {
  const when = ofTs(message.ts);
  if (follows) return h("time", { class: "gutter-time", title: exact(when) }, clock(when));
  return avatar(message.user ?? "slackbot", author(message), isBot(message));
}

function isBot(message) {
  return Boolean(message.bot_id || workspace.users.get(message.user)?.is_bot);
}

export function avatar(id, name, bot = false) {
  const initials = name.split(/\s+/).map((word) => word[0]).join("").slice(0, 2).toUpperCase();
  const node = h("span", { class: bot ? "avatar bot" : "avatar", "aria-hidden": "true" }, bot ? "▶" : initials);
  node.style.setProperty("--hue", hue(id));
  return node;
}

function head(message) {
  const user = workspace.users.get(message.user);
  const when = ofTs(message.ts);
  return h("header", { class: "message-head" },
    h("strong", { class: "author", title: user ? [`@${handle(user.id)}`, roleOf(user)].filter(Boolean).join(" · ") : "" }, author(message)),
    message.bot_id && h("span", { class: "badge" }, "APP"),
    h("time", { datetime: when.toISOString(), title: exact(when), class: "hint" }, clock(when)));
}

function marks(message, about) {
  return [
    message.ephemeral && h("p", { class: "only-you", "data-testid": "only-visible-to-you" }, icon("eye"), " Only visible to you ",
      h("button", { type: "button", class: "linklike", onclick: () => about.dismiss(message.ts) }, "Dismiss")),
    isPinned(message) && h("p", { class: "pin-mark" }, icon("pin"), " Pinned"),
    message.subtype === "thread_broadcast" && h("p", { class: "hint" }, "replied to a thread"),
  ];
}

function isPinned(message) {
  return Boolean(message.pinned || message.pinned_to?.length);
}

function body(message, about) {
  if (message.subtype === "tombstone") return h("p", { class: "hint" }, "This message was deleted.");
  const surface = new Surface({ channel: about.channel, ts: message.ts }, answers(about.channel, message), message.blocks ?? []);
  const drawn = (list) => blocks(new Surface(surface.where, surface.answers, list));
  const edited = message.edited && h("span", { class: "hint edited", title: exact(ofTs(message.edited.ts)) }, "(edited)");
  const content = message.blocks?.length ? blocks(surface) : message.text && h("div", { class: "text" }, mrkdwn(message.text));
  return h("div", { class: "content" }, content, attachments(message, drawn), files(message), edited);
}

function answers(channel, message) {
  const key = `${channel} ${message.ts}`;
  if (!answersOf.has(key)) answersOf.set(key, new Answers());
  return answersOf.get(key);
}

function replies(message, about) {
  if (!about.thread || message.ephemeral) return null;
  const count = message.reply_count ?? 0;
  const open = () => about.thread(message.thread_ts ?? message.ts);
  if (!count) {
    return h("div", { class: "hover-actions" }, h("button", { type: "button", class: "quiet", "data-testid": "reply", "aria-label": "Reply in thread", title: "Reply in thread", onclick: open }, icon("reply")));
  }
  const last = message.latest_reply && h("span", { class: "hint" }, ` last reply ${clock(ofTs(message.latest_reply))}`);
  return h("button", { type: "button", class: "reply-bar", "data-testid": "open-thread", onclick: open },
    (message.reply_users ?? []).slice(0, 4).map((id) => avatar(id, fullName(id), id === message.user && Boolean(message.bot_id))),
    h("strong", {}, `${count} ${count === 1 ? "reply" : "replies"}`), last);
}
