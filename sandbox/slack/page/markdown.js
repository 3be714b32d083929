/**
 * The markdown block: headings, paragraphs, lists, quotes, fences, tables, rules, and inline marks.
 * What it does not know stays readable as it was written.
 */

import { h, link } from "./dom.js";
import { emoji } from "./emoji.js";

export function markdown(text) {
  return h("div", { class: "markdown" }, blocks(text.replaceAll("\r\n", "\n").split("\n")));
}

function blocks(lines) {
  const nodes = [];
  let at = 0;
  while (at < lines.length) {
    const kind = KINDS.find(({ starts }) => starts(lines, at)) ?? PARAGRAPH;
    const end = kind.end(lines, at);
    const node = kind.make(lines.slice(at, end));
    if (node) nodes.push(node);
    at = end;
  }
  return nodes;
}

const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const CELLS = /^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$/;

const single = (lines, at) => at + 1;
const whileMatching = (pattern) => (lines, at) => {
  let end = at;
  while (end < lines.length && pattern.test(lines[end])) end += 1;
  return end;
};

const PARAGRAPH = {
  starts: () => true,
  end: (lines, at) => {
    let end = at + 1;
    while (end < lines.length && lines[end].trim() && !KINDS.some(({ starts }) => starts(lines, end))) end += 1;
    return end;
  },
  make: (lines) => h("p", {}, inlines(lines.join("\n"))),
};

const KINDS = [
  { starts: (lines, at) => !lines[at].trim(), end: single, make: () => null },
  {
    starts: (lines, at) => /^\s*```/.test(lines[at]),
    end: (lines, at) => {
      const close = lines.findIndex((line, index) => index > at && /^\s*```\s*$/.test(line));
      return close < 0 ? lines.length : close + 1;
    },
    make: (lines) => h("pre", {}, lines.slice(1).join("\n").replace(/\n?\s*```\s*$/, "")),
  },
  {
    starts: (lines, at) => /^#{1,6}\s/.test(lines[at]),
    end: single,
    make: ([line]) => h(`h${Math.min(6, line.indexOf(" ") + 2)}`, {}, inlines(line.replace(/^#+\s+|\s+#*$/g, ""))),
  },
  { starts: (lines, at) => /^\s*([-*_])(\s*\1){2,}\s*$/.test(lines[at]), end: single, make: () => h("hr") },
  {
    starts: (lines, at) => /^\s*>/.test(lines[at]),
    end: whileMatching(/^\s*>/),
    make: (lines) => h("blockquote", {}, blocks(lines.map((line) => line.replace(/^\s*> ?/, "")))),
  },
  { starts: (lines, at) => ITEM.test(lines[at]), end: whileMatching(/^(\s*([-*+]|\d+[.)])\s+|\s{2,}\S)/), make: list },
  {
    starts: (lines, at) => lines[at].includes("|") && CELLS.test(lines[at + 1] ?? ""),
    end: whileMatching(/\|/),
    make: ([head, , ...body]) => h("div", { class: "scroll" }, h("table", { class: "table" },
      h("thead", {}, row(head, "th")), h("tbody", {}, body.map((line) => row(line, "td"))))),
  },
];

function list(lines) {
  const first = ITEM.exec(lines[0]);
  const items = [];
  for (const line of lines) {
    const match = ITEM.exec(line);
    if (match && match[1].length <= first[1].length) items.push([match[3]]);
    else items.at(-1).push(line.slice(Math.min(first[1].length + 2, line.search(/\S/))));
  }
  const made = items.map(([head, ...rest]) => h("li", {}, inlines(ticked(head)), rest.length ? blocks(rest) : null));
  return /\d/.test(first[2]) ? h("ol", { start: parseInt(first[2], 10) }, made) : h("ul", {}, made);
}

function ticked(text) {
  return text.replace(/^\[ \]\s/, "☐ ").replace(/^\[x\]\s/i, "☑ ");
}

function row(line, tag) {
  const cells = line.trim().replace(/^\||\|$/g, "").split("|");
  return h("tr", {}, cells.map((cell) => h(tag, {}, inlines(cell.trim()))));
}

const MARKS = [
  [/`([^`]+)`/, (match) => h("code", {}, match[1])],
  [/!?\[([^\]]*)\]\(([^()\s]+)\)/, (match) => link(match[2], match[1] || match[2])],
  [/(\*\*|__)(?=\S)([\s\S]*?\S)\1/, (match) => h("strong", {}, inlines(match[2]))],
  [/~~(?=\S)([\s\S]*?\S)~~/, (match) => h("s", {}, inlines(match[1]))],
  [/(?<![\w*])\*(?=\S)([^*]*?\S)\*(?![\w*])|(?<!\w)_(?=\S)([^_]*?\S)_(?!\w)/, (match) => h("em", {}, inlines(match[1] ?? match[2]))],
  [/:([a-z0-9_+-]+):/, (match) => emoji(match[1]) ?? match[0]],
  [/https?:\/\/[^\s<>]*[^\s<>.,;:!?)'"]/, (match) => link(match[0], match[0])],
];

function inlines(text) {
  let nearest = null;
  for (const [pattern, make] of MARKS) {
    const match = pattern.exec(text);
    if (match && (!nearest || match.index < nearest.match.index)) nearest = { match, make };
  }
  if (!nearest) return text ? [text] : [];
  const { match, make } = nearest;
  const after = text.slice(match.index + match[0].length);
  return [text.slice(0, match.index), make(match), ...inlines(after)].filter((node) => node !== "");
}
