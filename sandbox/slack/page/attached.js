/** What hangs on a message: files, plots, old-style attachments, reactions. */

import { emoji } from "./emoji.js";
import { h, link, safeUrl } from "./dom.js";
import { fileUrl } from "./images.js";
import { mrkdwn } from "./mrkdwn.js";
import { handle, workspace } from "./workspace.js";

const PREVIEW_LINES = 12;
const PREVIEW_BYTES = 20_000;

export function files(message) {
  const list = (message.files ?? []).map(file);
  return list.length ? h("div", { class: "files" }, list) : null;
}

function file(it) {
  const title = it.title || it.name;
  const head = h("figcaption", {}, h("a", { href: fileUrl(it.id), target: "_blank", download: it.name, title: "Download" }, title), h("span", { class: "hint" }, ` ${size(it.size)}`));
  const body = shown(it, title);
  return h("figure", { class: "file", "data-testid": "file", "data-file-id": it.id }, head, body);
}

function shown(it, title) {
  if (/^image\//.test(it.mimetype)) {
    const picture = h("img", { src: fileUrl(it.id), alt: it.alt_txt || title, class: "picture", loading: "lazy" });
    return h("a", { href: fileUrl(it.id), target: "_blank", rel: "noopener" }, picture);
  }
  if (/^text\/(?!calendar)|json|yaml|sql/.test(it.mimetype)) return preview(it);
  return h("p", { class: "hint" }, `${it.pretty_type ?? it.mimetype} file`);
}

/** The first lines of a text file, and on request the rest. */
function preview(it) {
  const body = h("pre", { class: "preview" }, "…");
  const more = h("button", { type: "button", class: "linklike", hidden: true }, "Show all of it");
  fetch(fileUrl(it.id)).then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(`HTTP ${answer.status}`)))).then((whole) => {
    const first = whole.slice(0, PREVIEW_BYTES).split("\n").slice(0, PREVIEW_LINES).join("\n");
    body.textContent = first;
    more.hidden = first.length >= whole.trimEnd().length;
    more.addEventListener("click", () => { body.textContent = whole; more.hidden = true; });
  }).catch(() => { body.textContent = "This file could not be read."; });
  return h("div", {}, body, more);
}

function size(bytes) {
  if (bytes === undefined) return "";
  return bytes < 1024 ? `${bytes} B` : bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

/** `drawn(blocks)`: how blocks are drawn. */
export function attachments(message, drawn) {
  return (message.attachments ?? []).map((it) => {
    const node = h("div", { class: "attachment" },
      it.pretext && h("div", { class: "text" }, mrkdwn(it.pretext)),
      it.title && h("strong", {}, it.title_link ? link(it.title_link, it.title) : it.title),
      it.blocks ? drawn(it.blocks) : h("div", { class: "text" }, mrkdwn(it.text ?? it.fallback ?? "")));
    if (/^#?[0-9a-f]{6}$/i.test(it.color ?? "")) node.style.borderColor = `#${it.color.replace("#", "")}`;
    return node;
  });
}

export function reactions(message) {
  const list = message.reactions ?? [];
  if (!list.length) return null;
  return h("div", { class: "reactions" }, list.map((one) => {
    const mine = one.users?.includes(workspace.me.id);
    const who = (one.users ?? []).map(handle).join(", ");
    return h("span", { class: mine ? "reaction mine" : "reaction", title: `${who} reacted with :${one.name}:`, "aria-label": `${one.count} reacted with ${one.name}` },
      emoji(one.name) ?? `:${one.name}:`, h("span", {}, String(one.count)));
  }));
}

/** A permalink of this workspace, as the place it leads to; null for any other address. */
export function placeOf(href) {
  const url = safeUrl(href);
  const match = url && /^\/archives\/(\w+)(?:\/p(\d+)(\d{6}))?$/.exec(new URL(url).pathname);
  if (!match || !["127.0.0.1", "localhost", location.hostname].includes(new URL(url).hostname)) return null;
  const ts = match[2] ? `${match[2]}.${match[3]}` : null;
  return { channel: match[1], ts, thread: new URL(url).searchParams.get("thread_ts") };
}
