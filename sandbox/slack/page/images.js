/** Images of messages: those of the workspace are shown; one from elsewhere is only named and linked. */

import { h, link, safeUrl } from "./dom.js";
import { words } from "./texts.js";

export function fileUrl(id) {
  return `/files/${encodeURIComponent(id)}`;
}

/** An image block or element; its picture is an address or a file of the workspace. */
export function image(it, kind = "picture") {
  const source = sourceOf(it);
  if (!source) return link(it.image_url ?? "", `[image: ${it.alt_text}]`);
  return h("img", { src: source, alt: it.alt_text, title: it.alt_text, class: kind, loading: "lazy" });
}

export function imageBlock(block) {
  return h("figure", {}, block.title && h("figcaption", {}, words(block.title)), image(block));
}

function sourceOf(it) {
  if (it.slack_file?.id) return fileUrl(it.slack_file.id);
  const url = safeUrl(it.image_url ?? it.slack_file?.url ?? "");
  const here = url && ["127.0.0.1", "localhost", location.hostname].includes(new URL(url).hostname);
  return here ? url : null;
}
