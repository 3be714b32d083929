/** Block Kit's rich_text: sections, lists, quotes and preformatted text, none of which knows a notation. */

import { formatted } from "./dates.js";
import { h, link, safeUrl } from "./dom.js";
import { emoji } from "./emoji.js";
import { channelTag, groupTag, personTag, rangeTag } from "./mentions.js";

export function richText(block) {
  return h("div", { class: "rich" }, nested(block.elements ?? []));
}

/** Lists that follow each other with a deeper indent stand inside the one before. */
function nested(elements) {
  const nodes = [];
  const open = [];
  for (const element of elements) {
    if (element.type !== "rich_text_list") {
      open.length = 0;
      nodes.push(part(element));
      continue;
    }
    const depth = element.indent ?? 0;
    while (open.length && open.at(-1).depth >= depth) open.pop();
    const node = list(element);
    const outer = open.at(-1)?.node.lastElementChild;
    if (outer) outer.append(node);
    else nodes.push(node);
    open.push({ depth, node });
  }
  return nodes;
}

function list(element) {
  const ordered = element.style === "ordered";
  const start = ordered && element.offset ? element.offset + 1 : null;
  return h(ordered ? "ol" : "ul", { start }, element.elements.map((item) => h("li", {}, inlines(item.elements))));
}

function part(element) {
  const inside = inlines(element.elements ?? []);
  if (element.type === "rich_text_preformatted") return h("pre", {}, inside);
  if (element.type === "rich_text_quote") return h("blockquote", {}, inside);
  return h("div", { class: "line" }, inside);
}

function inlines(elements) {
  return elements.map((element) => styled(inline(element), element.style ?? {}));
}

function inline(element) {
  switch (element.type) {
    case "text": return element.text;
    case "link": return link(element.url, element.text || element.url);
    case "user": return personTag(element.user_id);
    case "usergroup": return groupTag(element.usergroup_id);
    case "channel": return channelTag(element.channel_id);
    case "broadcast": return rangeTag(element.range);
    case "emoji": return picture(element);
    case "date": return date(element);
    case "color": return h("code", {}, element.value);
    default: return `[${element.type}]`;
  }
}

function picture(element) {
  const points = (element.unicode ?? "").split("-").filter(Boolean).map((point) => parseInt(point, 16));
  const sign = points.length ? String.fromCodePoint(...points) : emoji(element.name);
  return h("span", { role: "img", class: "emoji", "aria-label": element.name.replaceAll("_", " ") }, sign ?? `:${element.name}:`);
}

function date(element) {
  const words = formatted(element.timestamp, element.format, element.fallback);
  return safeUrl(element.url ?? "javascript:") ? link(element.url, words) : h("time", {}, words);
}

const TAGS = { code: "code", bold: "strong", italic: "em", strike: "s", underline: "u", highlight: "mark" };

function styled(node, style) {
  return Object.entries(TAGS).reduce((inner, [name, tag]) => (style[name] ? h(tag, {}, inner) : inner), node);
}
