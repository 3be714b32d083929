/**
 * Building DOM nodes. Text from outside becomes a text node and nothing else: no part of this
 * page parses HTML, and an address that is not http, https or mailto never becomes a link.
 */

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) put(node, name, value);
  node.append(...listed(children));
  return node;
}

function put(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "value") node.value = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

/** Children may be nested lists; what is null or false is left out. */
function listed(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

export function fill(node, ...children) {
  node.replaceChildren(...listed(children));
  return node;
}

export function link(url, ...children) {
  const address = safeUrl(url);
  if (!address) return h("span", {}, ...children);
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

export function safeUrl(url) {
  try {
    const parsed = new URL(url, location.href);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

let lastId = 0;

/** An id for aria-labelledby and its like. */
export function freshId(prefix) {
  lastId += 1;
  return `${prefix}-${lastId}`;
}

/** What only screen readers read. */
export function spoken(text) {
  return h("span", { class: "spoken" }, text);
}

/**
 * Make `list` hold one node for each item, keeping the nodes of items that did not change.
 * items: [{key, signature, render}]. A person's half-open menu survives a neighbour's edit.
 */
export function reconcile(list, items) {
  const before = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const wanted = items.map((item) => {
    const node = before.get(item.key);
    if (node && node.signature === item.signature) return node;
    const made = item.render();
    made.dataset.key = item.key;
    made.signature = item.signature;
    return made;
  });
  const kept = new Set(wanted);
  for (const node of before.values()) if (!kept.has(node)) node.remove();
  wanted.forEach((node, at) => {
    if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null);
  });
}

/** Run `update`, then put the focus and the caret back where they were. */
export function keepingFocus(container, update) {
  const active = container.contains(document.activeElement) ? document.activeElement : null;
  const path = active && focusPath(active, container);
  const caret = active && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
  update();
  if (!path || container.contains(active)) return;
  const again = container.querySelector(path);
  if (!again) return;
  again.focus({ preventScroll: true });
  if (caret && caret[0] !== null && again.setSelectionRange) again.setSelectionRange(...caret);
}

function focusPath(node, container) {
  const steps = [];
  for (let at = node; at && at !== container; at = at.parentElement) {
    const named = ["data-key", "data-block-id", "data-action-id", "data-part", "data-testid"]
      .filter((name) => at.hasAttribute(name))
      .map((name) => `[${name}="${CSS.escape(at.getAttribute(name))}"]`);
    if (named.length) steps.unshift(named.join(""));
  }
  return steps.length ? steps.join(" ") : null;
}
