/**
 * Slack's mrkdwn as DOM nodes: *bold* _italic_ ~strike~ `code` ```pre``` > quotes, <links>, mentions,
 * dates and :emoji:. A mark that is not closed, or stands inside a word, is only a character.
 */

import { formatted } from "./dates.js";
import { h, link } from "./dom.js";
import { emoji } from "./emoji.js";
import { channelTag, groupTag, personTag, rangeTag } from "./mentions.js";

export function mrkdwn(text, { verbatim = false } = {}) {
  return text.split(/```\n?([\s\S]+?)\n?```/).flatMap((part, at) => {
    if (at % 2) return [h("pre", {}, ...code(part))];
    return part ? quoted(part, verbatim) : [];
  });
}

export function unescape(text) {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}

function quoted(text, verbatim) {
  const nodes = [];
  let quote = null;
  text.split("\n").forEach((line, at, lines) => {
    const match = /^(?:&gt;|>) ?(.*)$/.exec(line);
    if (match) {
      if (quote) quote.append("\n");
      else nodes.push((quote = h("blockquote")));
      quote.append(...inline(match[1], verbatim));
      return;
    }
    if (!quote && at) nodes.push("\n");
    quote = null;
    nodes.push(...inline(line, verbatim));
    if (at === lines.length - 1 && !line) nodes.pop();
  });
  return nodes;
}

const RULES = {
  "`": [/`([^`\n]+)`/y, (match) => h("code", {}, ...code(match[1]))],
  "<": [/<([^<>\n]+)>/y, (match) => angle(match[1])],
  "*": [/\*(?=\S)([^\n*]*[^\s*])\*(?![\w*])/y, (match, verbatim) => h("strong", {}, ...inline(match[1], verbatim))],
  "_": [/_(?=\S)([^\n_]*[^\s_])_(?![\w_])/y, (match, verbatim) => h("em", {}, ...inline(match[1], verbatim))],
  "~": [/~(?=\S)([^\n~]*[^\s~])~(?![\w~])/y, (match, verbatim) => h("s", {}, ...inline(match[1], verbatim))],
  ":": [/:([a-z0-9_+-]+(?:::skin-tone-\d)?):/y, (match) => picture(match)],
  "h": [/https?:\/\/[^\s<>|]*[^\s<>|.,;:!?)'"]/y, (match, verbatim) => (verbatim ? null : link(unescape(match[0]), unescape(match[0])))],
};
const INSIDE_WORDS = new Set(["<", ":", "`"]);

export function inline(text, verbatim = false) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(unescape(plain));
    plain = "";
  };
  for (let at = 0; at < text.length; ) {
    const found = special(text, at, verbatim);
    if (found) {
      flush();
      nodes.push(found.node);
      at = found.end;
    } else {
      plain += text[at];
      at += 1;
    }
  }
  flush();
  return nodes;
}

function special(text, at, verbatim) {
  const rule = RULES[text[at]];
  if (!rule || (!INSIDE_WORDS.has(text[at]) && at > 0 && /\w/.test(text[at - 1]))) return null;
  const [pattern, make] = rule;
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  const end = pattern.lastIndex;
  const node = match && make(match, verbatim);
  return node ? { node, end } : null;
}

/** In code only the entities and the links' own words count. */
function code(text) {
  return text.split(/<([^<>\n]+)>/).map((part, at) => (at % 2 ? angle(part) : unescape(part)));
}

function picture(match) {
  const sign = emoji(match[1]);
  return sign ? h("span", { role: "img", "aria-label": match[1].replaceAll("_", " "), class: "emoji" }, sign) : null;
}

function angle(inside) {
  const bar = inside.indexOf("|");
  const target = bar < 0 ? inside : inside.slice(0, bar);
  const label = bar < 0 ? "" : inside.slice(bar + 1);
  if (target.startsWith("@")) return personTag(target.slice(1), unescape(label));
  if (target.startsWith("#")) return channelTag(target.slice(1), unescape(label));
  if (target.startsWith("!")) return command(target.slice(1), label);
  const url = unescape(target);
  return link(url, ...(label ? inline(label, true) : [url.replace(/^mailto:/, "")]));
}

function command(target, label) {
  const [name, ...rest] = target.split("^");
  if (name === "subteam") return groupTag(rest[0], unescape(label));
  if (name === "date") {
    const words = formatted(rest[0], rest[1] ?? "", unescape(label));
    return rest[2] ? link(unescape(rest[2]), words) : h("time", { title: unescape(label) }, words);
  }
  return rangeTag(name);
}
