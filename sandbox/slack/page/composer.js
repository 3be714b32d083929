/**
 * Where one writes: commands with autocomplete, messages, mentions. A draft stays with its place, and
 * text that could not be sent comes back.
 */

import { fill, freshId, h } from "./dom.js";
import { forget, show } from "./errors.js";
import { post } from "./server.js";
import { channel, channelTitle, persons, roleOf, workspace } from "./workspace.js";

const drafts = new Map();

export class Composer {
  #place = null; // {channel, thread_ts}
  #sent = [];
  #at = 0;
  #offers = [];

  constructor(testid) {
    const listId = freshId("suggestions");
    this.entry = h("textarea", {
      rows: "1", "data-testid": testid, role: "combobox", "aria-autocomplete": "list", "aria-controls": listId,
      "aria-expanded": "false", "aria-label": "Message", spellcheck: "true",
    });
    this.list = h("div", { id: listId, class: "suggestions", role: "listbox", "aria-label": "Suggestions", "data-testid": "suggestions", hidden: true });
    this.send = h("button", { type: "button", class: "button primary send idle", "data-testid": testid === "composer" ? "send" : "thread-send", "aria-label": "Send", onclick: () => this.#submit() }, "Send");
    this.node = h("div", { class: "composer" }, this.list, h("div", { class: "composer-box" }, this.entry, this.send));
    this.entry.addEventListener("input", () => this.#changed());
    this.entry.addEventListener("keydown", (event) => this.#key(event));
    this.entry.addEventListener("blur", () => this.#offer([]));
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
  }

  at(channelId, threadTs = null) {
    this.#place = { channel: channelId, ...(threadTs ? { thread_ts: threadTs } : {}) };
    const known = channel(channelId);
    const where = known ? `${known.is_im ? "" : "#"}${channelTitle(known)}` : "";
    this.entry.placeholder = threadTs ? "Reply…" : `Message ${where}, or type / for a command`;
    this.entry.setAttribute("aria-label", threadTs ? "Reply in this thread" : `Message ${where}`);
    const draft = drafts.get(this.#draftKey()) ?? "";
    if (this.entry.value !== draft) this.put(draft);
  }

  put(text) {
    this.entry.value = text;
    this.#changed();
  }

  #draftKey() {
    return JSON.stringify(this.#place);
  }

  #changed() {
    drafts.set(this.#draftKey(), this.entry.value);
    this.entry.style.height = "auto";
    this.entry.style.height = `${Math.min(this.entry.scrollHeight, 200)}px`;
    this.send.classList.toggle("idle", !this.entry.value.trim());
    this.#offer(document.activeElement === this.entry ? suggestions(this.entry.value, this.entry.selectionStart) : []);
  }

  #offer(offers) {
    this.#offers = offers;
    this.#at = 0;
    this.list.hidden = !offers.length;
    this.entry.setAttribute("aria-expanded", String(offers.length > 0));
    fill(this.list, offers.map((offer) => h("div", {
      role: "option", id: freshId("suggestion"), class: offer.put ? "suggestion" : "suggestion told", "data-testid": "suggestion", "data-value": offer.name,
      onclick: () => this.#take(offer),
    }, h("strong", {}, offer.name), offer.usage && h("code", {}, offer.usage), h("small", {}, offer.about))));
    this.#point(0);
  }

  #point(at) {
    this.#at = at;
    [...this.list.children].forEach((row, index) => row.classList.toggle("pointed", index === at && Boolean(this.#offers[at].put)));
    const row = this.list.children[at];
    if (row) this.entry.setAttribute("aria-activedescendant", row.id);
    else this.entry.removeAttribute("aria-activedescendant");
  }

  #take(offer) {
    if (!offer.put) return;
    const { from, to, text } = offer.put;
    this.entry.setRangeText(text, from, to, "end");
    this.#changed();
  }

  #key(event) {
    const offer = this.#offers[this.#at];
    const count = this.#offers.length;
    const plainKey = !event.shiftKey && !event.isComposing;
    if (count > 1 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      this.#point((this.#at + (event.key === "ArrowDown" ? 1 : -1) + count) % count);
    } else if (offer?.put && plainKey && (event.key === "Tab" || (event.key === "Enter" && !offer.complete))) {
      this.#take(offer);
    } else if (event.key === "Escape" && count) {
      this.#offer([]);
    } else if (event.key === "Enter" && plainKey) {
      this.#submit();
    } else if (event.key === "ArrowUp" && !this.entry.value && this.#sent.length) {
      this.put(this.#sent.at(-1));
    } else return;
    event.preventDefault();
  }

  async #submit() {
    const text = this.entry.value.trim();
    if (!text) return;
    const place = { ...this.#place };
    const key = this.#draftKey();
    forget();
    this.put("");
    this.#sent.push(text);
    try {
      const answer = await deliver(text, place);
      if (answer?.error === "dispatch_failed") this.#giveBack(text, key); // Nobody has it. What timed out, somebody may have.
    } catch (error) {
      show(error.message);
      this.#giveBack(text, key);
    }
  }

  /** What was not sent stands there again, unless something else is typed there by now. */
  #giveBack(text, key) {
    if (key !== this.#draftKey()) drafts.set(key, drafts.get(key) || text);
    else if (!this.entry.value) {
      this.put(text);
      this.#offer([]);
    }
  }
}

async function deliver(text, place) {
  const user = workspace.me.id;
  if (!text.startsWith("/")) return post("/page/say", { user, ...place, text: withMentions(text) });
  const command = text.split(/\s/)[0];
  if (place.thread_ts) throw new Error(`${command} is not supported in threads. Sorry!`);
  if (!workspace.commands.some((known) => known.command === command)) {
    throw new Error(`${command} is not a valid command. Slack reads every message that starts with / as a command.`);
  }
  return post("/page/command", { user, channel: place.channel, text });
}

/** @dana and #general become what Slack writes for them. */
function withMentions(text) {
  const people = new Map([...workspace.users.values()].map((user) => [user.name, `<@${user.id}>`]));
  const groups = new Map([...workspace.groups.values()].map((group) => [group.handle, `<!subteam^${group.id}>`]));
  const channels = new Map(workspace.channels.map((one) => [one.name, `<#${one.id}>`]));
  return text
    .replace(/(^|\s)@([\w.-]*\w)/g, (whole, space, name) => space + (people.get(name) ?? groups.get(name) ?? `@${name}`))
    .replace(/(^|\s)#([\w-]+)/g, (whole, space, name) => space + (channels.get(name) ?? `#${name}`));
}

function suggestions(text, caret) {
  const before = text.slice(0, caret);
  if (/^\/\S*$/.test(before)) return commands(before, text);
  const command = workspace.commands.find((known) => text.startsWith(`${known.command} `));
  if (command) return [{ name: command.command, usage: command.usage_hint, about: command.description }];
  const mention = /(?:^|\s)@([\w.-]*)$/.exec(before);
  return mention ? people(mention[1], caret) : [];
}

function commands(typed, text) {
  return workspace.commands.filter((known) => known.command.startsWith(typed)).map((known) => ({
    name: known.command, usage: known.usage_hint, about: known.description,
    complete: text === known.command, put: { from: 0, to: typed.length, text: `${known.command} ` },
  }));
}

function people(typed, caret) {
  const bots = [...workspace.users.values()].filter((user) => user.is_bot);
  return [...persons(), ...bots].filter((user) => user.name.startsWith(typed)).slice(0, 8).map((user) => ({
    name: `@${user.name}`, about: [user.real_name, roleOf(user)].filter(Boolean).join(" · "), complete: user.name === typed,
    put: { from: caret - typed.length - 1, to: caret, text: `@${user.name} ` },
  }));
}
