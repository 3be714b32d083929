/** The page as a whole: what is open, what is read again when something happens, where presses lead. */

import { placeOf } from "./attached.js";
import { drawBookmarks, drawChannelHead } from "./channel_head.js";
import { Composer } from "./composer.js";
import { fill, h } from "./dom.js";
import { show, showIn } from "./errors.js";
import { Faults } from "./faults.js";
import { Hints } from "./hints.js";
import { Home } from "./home.js";
import { Modal } from "./modal.js";
import { PeopleSwitch } from "./people_switch.js";
import { coalesced, get, listen, post } from "./server.js";
import { drawSidebar } from "./sidebar.js";
import { Timeline } from "./timeline.js";
import { adopt, channel, channelTitle, workspace } from "./workspace.js";

const at = (id) => document.getElementById(id);

class Page {
  #place = { channel: null, thread: null }; // channel: an id, or "home".
  #newFrom = null;
  #read = null; // The channel whose unread mark is set.

  constructor() {
    this.timeline = new Timeline("Messages", (ts) => this.openThread(ts));
    this.thread = new Timeline("Thread", null);
    this.composer = new Composer("composer");
    this.replies = new Composer("thread-composer");
    this.home = new Home();
    this.modal = new Modal();
    this.people = new PeopleSwitch();
    this.faults = new Faults();
    this.hints = new Hints((text) => this.#compose(text));
    at("timeline-place").append(this.timeline.node, this.home.node);
    at("composer-place").append(this.composer.node);
    at("thread-timeline").append(this.thread.node);
    at("thread-composer-place").append(this.replies.node);
    at("corner").append(this.faults.button, this.people.node);
    at("hints-place").append(this.hints.node);
    at("columns").append(this.faults.node);
    showIn(at("errors"));
    this.refreshState = coalesced(guarded(() => this.#readState()));
    this.refreshMessages = coalesced(guarded(() => this.#readMessages()));
    this.refreshThread = coalesced(guarded(() => this.#readThread()));
    this.refreshFaults = coalesced(() => this.faults.read());
  }

  async start() {
    const asked = new URLSearchParams(location.search).get("user") ?? "";
    const state = await get("/page/state", asked ? { user: asked } : {});
    if (!state) throw new Error(`Nobody here has the id ${asked}. Open the page without ?user= to be somebody who exists.`);
    adopt(state);
    this.#drawAround();
    window.addEventListener("hashchange", () => this.#follow());
    document.addEventListener("click", (event) => this.#pressedLink(event));
    document.addEventListener("keydown", (event) => this.#typedAnywhere(event));
    at("thread-close").addEventListener("click", () => this.#closeThread());
    at("thread").addEventListener("keydown", (event) => { if (event.key === "Escape") this.#closeThread(); });
    at("about-open").addEventListener("click", () => at("about").showModal());
    await this.#follow();
    listen(workspace.me.id, (event) => this.#heard(event), (on) => this.#connected(on));
  }

  #heard(event) {
    if (event.type === "message") this.#messageCame(event);
    else if (event.type === "channels") this.#everything();
    else if (event.type === "view") this.modal.show(event.view);
    else if (event.type === "home" && this.#place.channel === "home") this.home.published();
    else if (event.type === "error") show(event.text);
  }

  #messageCame(event) {
    this.refreshFaults(); // What is done in the company may have cured one.
    if (event.channel === this.#place.channel) {
      this.refreshMessages();
      if (event.thread_ts && event.thread_ts === this.#place.thread) this.refreshThread();
    } else this.refreshState();
  }

  #everything() {
    this.refreshState();
    this.refreshMessages();
    this.refreshThread();
    this.refreshFaults();
  }

  #connected(on) {
    at("offline").hidden = on;
    if (on) this.#everything();
  }

  async #readState() {
    const state = await get("/page/state", { user: workspace.me.id });
    if (!state) return;
    adopt(state);
    this.#drawAround();
  }

  async #readMessages() {
    const id = this.#place.channel;
    if (!id || id === "home") return;
    const answer = await get("/page/messages", { user: workspace.me.id, channel: id });
    if (id !== this.#place.channel) return;
    if (this.#read !== id) this.#markUnread(id, answer?.messages ?? []);
    this.timeline.show(id, answer?.messages ?? [], this.#newFrom);
  }

  /** The line "New" stands above what had not been read when the channel was opened. */
  #markUnread(id, messages) {
    this.#read = id;
    const known = channel(id);
    const others = messages.filter((message) => !message.subtype && !message.ephemeral);
    const unread = known?.unread ?? 0;
    this.#newFrom = unread && unread < others.length ? others[others.length - unread].ts : null;
    if (known) known.unread = 0;
    this.#drawAround();
  }

  async #readThread() {
    const { channel: id, thread } = this.#place;
    if (!thread) return;
    const answer = await get("/page/messages", { user: workspace.me.id, channel: id, thread_ts: thread });
    if (thread !== this.#place.thread) return;
    const messages = answer?.messages ?? [];
    messages.thread = thread;
    this.thread.show(id, messages);
  }

  #drawAround() {
    const one = channel(this.#place.channel);
    const isHome = this.#place.channel === "home";
    const unread = workspace.channels.filter((other) => other !== one).reduce((sum, other) => sum + other.unread, 0);
    document.title = `${unread ? `(${unread}) ` : ""}${one ? channelTitle(one) : workspace.app?.name ?? "Home"} · ${workspace.me.name} · simulated Slack`;
    at("team").textContent = workspace.team.name;
    drawSidebar(at("channels"), this.#place.channel);
    if (isHome) fill(at("channel-head"), h("h1", { "data-testid": "channel-name" }, workspace.app?.name ?? "Home"));
    else drawChannelHead(at("channel-head"), one, (ts) => this.timeline.reveal(ts));
    drawBookmarks(at("bookmarks"), isHome ? null : one);
    this.people.draw();
    this.hints.show(workspace.notices);
    this.timeline.node.hidden = isHome;
    this.home.node.hidden = !isHome;
    this.#drawFoot(isHome ? null : one);
  }

  #drawFoot(one) {
    const may = Boolean(one) && one.is_member && !one.is_archived;
    at("composer-place").hidden = !may;
    at("thread-composer-place").hidden = !may;
    at("outside").hidden = !one || may;
    if (!one || may) return;
    fill(at("outside"), one.is_archived
      ? `#${one.name} is archived: it can be read, and nothing can be written here.`
      : [`You are not in #${one.name}. `, h("button", { type: "button", class: "button primary", "data-testid": "join", onclick: () => this.#join(one.id) }, "Join it")]);
  }

  async #join(id) {
    await guarded(() => post("/page/join", { user: workspace.me.id, channel: id }))();
    this.#everything();
  }

  /** Open what the address names: #home, #C…, #C…/thread. */
  async #follow() {
    const [wanted, thread] = location.hash.slice(1).split("/");
    const first = workspace.channels.find((one) => one.is_member && !one.is_archived) ?? workspace.channels[0];
    if (wanted && wanted !== "home" && !channel(wanted)) await this.refreshState();
    const id = wanted === "home" || channel(wanted) ? wanted : first?.id ?? "home";
    const moved = id !== this.#place.channel;
    const opened = thread && thread !== this.#place.thread;
    this.#place = { channel: id, thread: thread || null };
    if (moved) this.#read = null;
    this.#drawAround();
    at("thread").hidden = !thread;
    if (id === "home") return this.home.open();
    this.composer.at(id);
    if (thread) this.replies.at(id, thread);
    await Promise.all([this.refreshMessages(), this.refreshThread()]);
    if (opened) this.replies.entry.focus();
    else if (moved && !thread) this.composer.entry.focus();
  }

  /** Who begins to type while nothing takes letters means the composer. */
  #typedAnywhere(event) {
    const takes = "input, textarea, button, a, summary, dialog, [role=menu]";
    const isLetter = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (isLetter && !document.activeElement.closest(takes) && !document.querySelector("dialog[open]")) this.composer.entry.focus();
  }

  openThread(ts) {
    location.hash = `${this.#place.channel}/${ts}`;
  }

  #closeThread() {
    location.hash = this.#place.channel;
    this.composer.entry.focus();
  }

  #compose(text) {
    if (at("composer-place").hidden) location.hash = workspace.channels.find((one) => one.is_member && !one.is_archived)?.id ?? "";
    this.composer.put(text);
    this.composer.entry.focus();
  }

  /** A permalink of this workspace opens here, not in another tab. */
  async #pressedLink(event) {
    const link = event.target.closest?.("a[href]");
    const place = link && !event.ctrlKey && !event.metaKey && placeOf(link.href);
    if (!place) return;
    event.preventDefault();
    const { thread } = place;
    history.pushState(null, "", `#${place.channel}${thread ? `/${thread}` : ""}`);
    await this.#follow();
    if (place.ts) (thread ? this.thread : this.timeline).reveal(place.ts);
  }
}

/** What fails is said in red; nothing fails silently. */
function guarded(work) {
  return async () => {
    try {
      return await work();
    } catch (error) {
      show(error.message);
      return null;
    }
  };
}

const page = new Page();
page.start().catch((error) => show(error.message));
