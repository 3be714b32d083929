/** Block Kit's text objects: plain_text knows emoji, mrkdwn its notation. */

import { withEmoji } from "./emoji.js";
import { mrkdwn } from "./mrkdwn.js";

export function text(object) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text, { verbatim: object.verbatim });
  return [words(object)];
}

/** The bare words of a plain_text, for labels and placeholders. */
export function words(object) {
  if (!object) return "";
  return object.emoji === false ? object.text : withEmoji(object.text);
}
