/** The app's Home tab: opened by a press, drawn anew whenever the app publishes it. */

import { Answers } from "./answers.js";
import { blocks } from "./blocks.js";
import { fill, h, keepingFocus } from "./dom.js";
import { show } from "./errors.js";
import { post } from "./server.js";
import { Surface } from "./surface.js";
import { workspace } from "./workspace.js";

// Asking for the Home tab tells the app that it was opened, and most apps then publish it again. What
// is published this soon after it was fetched is that echo, and is not fetched once more.
const ECHO_MS = 2000;

export class Home {
  #answers = new Answers();
  #fetched = 0;

  constructor() {
    this.node = h("div", { class: "home", "data-testid": "home", role: "region", "aria-label": "Home tab", tabindex: "0" });
  }

  open() {
    this.#fetched = 0;
    return this.#fetch();
  }

  async published() {
    if (Date.now() - this.#fetched < ECHO_MS) return;
    this.#fetched = Date.now();
    await this.#fetch();
  }

  async #fetch() {
    try {
      const answer = await post("/page/home", { user: workspace.me.id });
      this.#draw(answer?.view ?? null);
    } catch (error) {
      show(error.message);
    }
  }

  #draw(view) {
    if (!view) {
      fill(this.node, h("p", { class: "hint empty" }, "The app has not published a Home tab yet. It appears here as soon as it does."));
      return;
    }
    const surface = new Surface({ view_id: view.id }, this.#answers, view.blocks);
    keepingFocus(this.node, () => fill(this.node, h("div", { class: "home-blocks" }, blocks(surface))));
  }
}
