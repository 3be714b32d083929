/** The dialog some buttons open before anything is sent. Nothing is focused that Enter would press. */

import { fill, freshId, h } from "./dom.js";
import { text } from "./texts.js";

/** True when the person pressed the confirming button. */
export function confirmed(confirm) {
  const id = freshId("confirm");
  const dialog = h("dialog", { class: "confirm", role: "alertdialog", "aria-modal": "true", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text`, "data-testid": "confirm-dialog", tabindex: "-1" });
  const button = (answer, label, kind, testid) =>
    h("button", { type: "button", class: `button ${kind}`, "data-testid": testid, onclick: () => dialog.close(answer) }, label);
  const yes = confirm.style === "danger" ? "danger" : "primary";
  fill(dialog,
    h("h2", { id: `${id}-title` }, text(confirm.title)),
    h("div", { id: `${id}-text`, class: "confirm-text text" }, text(confirm.text)),
    h("div", { class: "dialog-buttons" },
      button("no", text(confirm.deny), "", "confirm-no"),
      button("yes", text(confirm.confirm), yes, "confirm-yes")));
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
    dialog.focus();
  });
}
