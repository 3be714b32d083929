/** What this page knows of the workspace: who one is, who else is there, channels, commands. */

export const workspace = {
  team: {},
  app: null,
  me: { id: "", name: "" },
  users: new Map(),
  groups: new Map(),
  channels: [],
  commands: [],
  faults: [],
  notices: [],
};

export function adopt(state) {
  workspace.team = state.team;
  workspace.me = state.me;
  workspace.app = state.app ?? null;
  workspace.users = new Map(state.users.map((user) => [user.id, user]));
  workspace.groups = new Map((state.groups ?? []).map((group) => [group.id, group]));
  workspace.channels = state.channels;
  workspace.commands = state.commands ?? [];
  workspace.faults = state.faults ?? [];
  workspace.notices = state.notices ?? [];
}

export function channel(id) {
  return workspace.channels.find((one) => one.id === id) ?? null;
}

export function fullName(id) {
  const user = workspace.users.get(id);
  return user?.real_name || user?.name || id || "Somebody";
}

export function handle(id) {
  return workspace.users.get(id)?.name ?? id;
}

export function groupHandle(id) {
  return workspace.groups.get(id)?.handle ?? id;
}

/** "#general", or for direct messages the other person's name. */
export function channelTitle(one) {
  return one.is_im ? fullName(one.user) : one.name;
}

/** Who a person is to the company: a title and user groups. */
export function roleOf(user) {
  const groups = [...workspace.groups.values()].filter((group) => group.members.includes(user.id));
  return [user.title, ...groups.map((group) => `@${group.handle}`)].filter(Boolean).join(", ");
}

/** The people one can be: neither bots nor those who left. */
export function persons() {
  return [...workspace.users.values()].filter((user) => !user.is_bot && !user.deleted);
}

const HUES = [8, 28, 152, 176, 200, 222, 258, 290, 330];

/** A calm colour that stays with a name. */
export function hue(id) {
  const sum = [...String(id)].reduce((total, letter) => (total * 31 + letter.charCodeAt(0)) % 9973, 7);
  return HUES[sum % HUES.length];
}
