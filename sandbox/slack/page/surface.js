/**
 * A message or a view as something to press: where it is, what is filled in, what is under way.
 *
 * A press is sent once. While it is on its way its button is busy, and pressing again does nothing.
 */

import { asSlack } from "./answers.js";
import { confirmed } from "./confirm.js";
import { show } from "./errors.js";
import { post } from "./server.js";
import { workspace } from "./workspace.js";

export class Surface {
  #busy = new Set();

  /** where: {channel, ts} or {view_id}. */
  constructor(where, answers, blocks) {
    this.where = where;
    this.answers = answers;
    this.blocks = blocks;
  }

  isBusy(block, element) {
    return this.#busy.has(name(block, element));
  }

  /** Send what was pressed or chosen. False when the person decided against it, or it failed. */
  async act(block, element, given, node) {
    if (this.isBusy(block, element)) return false;
    this.#busy.add(name(block, element));
    try {
      if (element.confirm && !(await confirmed(element.confirm))) return false;
      return await this.#send(block, element, given, node);
    } finally {
      this.#busy.delete(name(block, element));
    }
  }

  async #send(block, element, given, node) {
    node?.setAttribute("aria-busy", "true");
    try {
      await post("/page/action", {
        user: workspace.me.id,
        ...this.where,
        block_id: block.block_id,
        action_id: element.action_id,
        ...given,
        state: this.answers.all(this.blocks),
      });
      return true;
    } catch (error) {
      show(error.message);
      return false;
    } finally {
      node?.removeAttribute("aria-busy");
    }
  }

  /** A field got another answer. Outside input blocks that is sent; a refused confirm takes it back. */
  async changed(block, element, answer, node) {
    const before = this.answers.of(block, element);
    this.answers.give(block, element, answer);
    if (block.type === "input" && !block.dispatch_action) return true;
    const { type, ...given } = asSlack(element, answer);
    const sent = await this.act(block, element, given, node);
    if (!sent && element.confirm) this.answers.give(block, element, before);
    return sent || !element.confirm;
  }

  /** What is typed counts at once; with dispatch_action it is sent when the field is left. */
  typed(block, element, answer) {
    this.answers.give(block, element, answer);
  }

  async suggest(block, element, typed) {
    const place = { block_id: block.block_id, action_id: element.action_id, value: typed };
    const answer = await post("/page/options", { user: workspace.me.id, ...this.where, ...place });
    return answer?.option_groups ?? [{ options: answer?.options ?? [] }];
  }
}

function name(block, element) {
  return `${block.block_id} ${element.action_id}`;
}
