/**
 * What a person filled in, field by field, kept by where the field is: block_id and action_id.
 *
 * A view that is drawn anew, comes back from below another one, or is sent back with errors shows
 * what was typed; only a field with other ids starts anew. That is Slack's rule, too.
 */

/** Element type -> the field its answer is in, the field it starts with, what empty is. */
export const KINDS = {
  plain_text_input: ["value", "initial_value", null],
  number_input: ["value", "initial_value", null],
  email_text_input: ["value", "initial_value", null],
  url_text_input: ["value", "initial_value", null],
  static_select: ["selected_option", "initial_option", null],
  external_select: ["selected_option", "initial_option", null],
  radio_buttons: ["selected_option", "initial_option", null],
  multi_static_select: ["selected_options", "initial_options", []],
  multi_external_select: ["selected_options", "initial_options", []],
  checkboxes: ["selected_options", "initial_options", []],
  users_select: ["selected_user", "initial_user", null],
  multi_users_select: ["selected_users", "initial_users", []],
  channels_select: ["selected_channel", "initial_channel", null],
  multi_channels_select: ["selected_channels", "initial_channels", []],
  conversations_select: ["selected_conversation", "initial_conversation", null],
  multi_conversations_select: ["selected_conversations", "initial_conversations", []],
  datepicker: ["selected_date", "initial_date", null],
  timepicker: ["selected_time", "initial_time", null],
  datetimepicker: ["selected_date_time", "initial_date_time", null],
};

/** The elements of a block that a person can press or fill in. */
export function interactive(block) {
  if (block.type === "actions") return block.elements ?? [];
  if (block.type === "input") return [block.element];
  const accessory = block.accessory;
  return accessory && accessory.type !== "image" ? [accessory] : [];
}

export class Answers {
  #given = new Map();

  /** `known`: `state.values` of a view, as far as the workspace has it. */
  constructor(known = {}) {
    for (const [blockId, actions] of Object.entries(known)) {
      for (const [actionId, answer] of Object.entries(actions)) this.#given.set(key(blockId, actionId, answer.type), answer);
    }
  }

  /** The bare answer: text, an option, a list of options, an id, a date. */
  of(block, element) {
    const [field, initial, empty] = KINDS[element.type];
    const given = this.#given.get(key(block.block_id, element.action_id, element.type));
    return (given ? given[field] : element[initial]) ?? empty;
  }

  give(block, element, answer) {
    this.#given.set(key(block.block_id, element.action_id, element.type), asSlack(element, answer));
  }

  /** `state.values` of these blocks. */
  all(blocks) {
    const values = {};
    for (const block of blocks) {
      for (const element of interactive(block)) {
        if (!KINDS[element.type]) continue;
        (values[block.block_id] ??= {})[element.action_id] = asSlack(element, this.of(block, element));
      }
    }
    return values;
  }
}

export function asSlack(element, answer) {
  return { type: element.type, [KINDS[element.type][0]]: answer };
}

function key(...names) {
  return JSON.stringify(names);
}
