/**
 * A list of messages, kept up to date row by row: what did not change keeps its node, its open menus
 * and its focus, and who reads further up is not pulled down.
 */

import { day, isoDay, ofTs } from "./dates.js";
import { h, keepingFocus, reconcile } from "./dom.js";
import { messageRow } from "./message.js";
import { channel as known, channelTitle, workspace } from "./workspace.js";

const TOGETHER_S = 300;

export class Timeline {
  #dismissed = new Set();
  #last = null;

  /** `thread(ts)` opens a thread; null within one. */
  constructor(label, thread) {
    this.thread = thread;
    this.node = h("div", { class: "timeline", role: "log", "aria-label": label, "aria-live": "polite", "aria-relevant": "additions", tabindex: "0" });
    this.node.addEventListener("load", () => { if (this.atEnd) this.toEnd(); }, true);
    this.node.addEventListener("scroll", () => { this.atEnd = this.#nearEnd(); });
    this.atEnd = true;
    new ResizeObserver(() => { if (this.atEnd) this.toEnd(); }).observe(this.node); // A thread opened beside it, say.
  }

  /** `newFrom`: the ts of the first unread message, if any. */
  show(channel, messages, newFrom = null) {
    const fresh = this.#last?.channel !== channel || this.#last?.thread !== messages.thread;
    this.#last = { channel, messages, newFrom, thread: messages.thread };
    const shown = messages.filter((message) => !this.#dismissed.has(message.ts));
    keepingFocus(this.node, () => reconcile(this.node, this.#items(channel, shown, newFrom)));
    if (fresh || this.atEnd) this.toEnd();
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
    this.atEnd = true;
  }

  /** Bring a message into sight. False when it is not here. */
  reveal(ts) {
    const row = this.node.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    if (!row) return false;
    this.atEnd = false;
    row.scrollIntoView({ block: "center" });
    row.focus({ preventScroll: true });
    row.classList.add("revealed");
    row.addEventListener("animationend", () => row.classList.remove("revealed"), { once: true });
    return true;
  }

  #nearEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 60;
  }

  #items(channel, messages, newFrom) {
    const items = this.thread ? [beginning(channel)] : [];
    let before = null;
    for (const message of messages) {
      const date = ofTs(message.ts);
      if (!before || isoDay(ofTs(before.ts)) !== isoDay(date)) items.push(line(`day ${isoDay(date)}`, day(date), "day"));
      if (message.ts === newFrom) items.push(line("new", "New", "new"));
      const about = { channel, follows: follows(message, before), thread: this.thread, dismiss: (ts) => this.#dismiss(ts) };
      const signature = JSON.stringify([message, about.follows, workspace.channels.length, workspace.users.size]);
      items.push({ key: `${channel} ${message.ts} ${Boolean(message.ephemeral)}`, signature, render: () => messageRow(message, about) });
      before = message;
    }
    return items;
  }

  #dismiss(ts) {
    this.#dismissed.add(ts);
    this.show(this.#last.channel, this.#last.messages, this.#last.newFrom);
  }
}

function follows(message, before) {
  if (!before || before.subtype || message.subtype || before.ephemeral) return false;
  return before.user === message.user && before.bot_id === message.bot_id && Number(message.ts) - Number(before.ts) < TOGETHER_S;
}

function beginning(id) {
  const one = known(id);
  const words = one ? `This is the beginning of ${one.is_im ? "" : "#"}${channelTitle(one)}.` : "";
  return { key: `beginning ${id}`, signature: words, render: () => h("p", { class: "beginning hint" }, words) };
}

function line(key, words, kind) {
  return { key, signature: words, render: () => h("div", { class: `line-${kind}`, role: "separator", "data-testid": `${kind}-line` }, h("span", {}, words)) };
}
