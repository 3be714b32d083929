/** Who one is, in the corner. Everybody else is one press away, here or in a tab of their own. */

import { fill, h } from "./dom.js";
import { floating } from "./floating.js";
import { avatar } from "./message.js";
import { fullName, handle, persons, roleOf, workspace } from "./workspace.js";

export class PeopleSwitch {
  constructor() {
    this.button = h("button", { type: "button", class: "who", "data-testid": "user-switcher", "aria-haspopup": "true", "aria-expanded": "false" });
    this.list = h("div", { class: "floating people", popover: "manual", role: "group", "aria-label": "Be somebody else" });
    this.node = h("div", {}, this.button, this.list);
    const opened = floating(this.button, this.list);
    this.button.addEventListener("click", () => (opened.isOpen() ? opened.close() : opened.open()));
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      opened.close();
      this.button.focus();
    });
  }

  draw() {
    const me = workspace.me;
    const mine = (me.roles ?? []).join(", ");
    this.button.title = mine;
    this.button.setAttribute("aria-label", `You are ${fullName(me.id)}${mine ? `, ${mine}` : ""}. Be somebody else`);
    fill(this.button, avatar(me.id, fullName(me.id)), h("span", { class: "who-name" }, h("strong", {}, fullName(me.id)), h("small", {}, mine || `@${handle(me.id)}`)), h("span", { "aria-hidden": "true" }, "▾"));
    fill(this.list, h("p", { class: "hint" }, "Be somebody else: approvals need a second person"), persons().map(row));
  }
}

function row(user) {
  const address = `?user=${encodeURIComponent(user.id)}`;
  const here = h("a", {
    class: "person", "data-testid": "be-user", "data-user": user.id, "aria-current": user.id === workspace.me.id ? "true" : null, href: address,
    onclick: (event) => { event.currentTarget.href = `${address}${location.hash}`; },
  }, avatar(user.id, user.real_name), h("span", { class: "grow" }, h("strong", {}, user.real_name), h("small", {}, [`@${user.name}`, user.is_guest && "guest", roleOf(user)].filter(Boolean).join(" · "))));
  return h("div", { class: "person-row" }, here, h("a", { class: "quiet", href: address, target: "_blank", title: "In a new tab", "aria-label": `Be ${user.real_name} in a new tab` }, "↗"));
}
