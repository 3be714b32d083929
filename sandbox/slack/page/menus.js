/**
 * What the different menus offer: options of the app, what the app suggests while one types, people,
 * channels. Each becomes the same kind of list for the chooser.
 */

import { channelTitle, fullName, handle, persons, roleOf, workspace } from "./workspace.js";

/** {search, asOption, asAnswer} of a menu; null for an element that is no menu. */
export function groupsFor(it, block, surface) {
  const kind = it.type.replace(/^multi_/, "");
  if (kind === "static_select") return { search: async (typed) => matching(offered(it), typed), ...AS_IT_IS };
  if (kind === "external_select") {
    const least = it.min_query_length ?? 3;
    return { search: (typed) => surface.suggest(block, it, typed), least, ...AS_IT_IS };
  }
  if (kind === "users_select") return { search: async (typed) => matching([{ options: people() }], typed), ...byId(personOption) };
  if (kind === "channels_select" || kind === "conversations_select") {
    return { search: async (typed) => matching([{ options: channels() }], typed), ...byId(channelOption) };
  }
  return null;
}

const AS_IT_IS = { asOption: (option) => option, asAnswer: (option) => option };

function byId(asOption) {
  return { asOption, asAnswer: (option) => option.value };
}

function offered(it) {
  return it.option_groups ?? [{ options: it.options ?? [] }];
}

function matching(groups, typed) {
  const wanted = typed.trim().toLowerCase();
  const fits = (option) => `${option.text.text} ${option.description?.text ?? ""}`.toLowerCase().includes(wanted);
  return groups.map((group) => ({ ...group, options: group.options.filter(fits) })).filter((group) => group.options.length);
}

function plain(text) {
  return { type: "plain_text", text, emoji: false };
}

function personOption(id) {
  return { text: plain(`${fullName(id)} (@${handle(id)})`), value: id };
}

function people() {
  return persons().map((user) => ({ ...personOption(user.id), description: plain(roleOf(user)) }));
}

function channelOption(id) {
  const one = workspace.channels.find((known) => known.id === id);
  return { text: plain(one ? `#${channelTitle(one)}` : id), value: id };
}

function channels() {
  return workspace.channels.filter((one) => !one.is_archived && !one.is_im).map((one) => channelOption(one.id));
}
