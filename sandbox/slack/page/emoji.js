/** The common shortcodes. One that is not here stays readable as :its_name:. */

const BY_NAME = {
  alarm_clock: "⏰", ambulance: "🚑", arrow_down: "⬇️", arrow_forward: "▶️", arrow_right: "➡️", arrow_up: "⬆️",
  bar_chart: "📊", bell: "🔔", bookmark: "🔖", books: "📚", boom: "💥", bug: "🐛", bulb: "💡", calendar: "📅",
  chart_with_downwards_trend: "📉", chart_with_upwards_trend: "📈", clipboard: "📋", clock1: "🕐", closed_lock_with_key: "🔐",
  computer: "💻", construction: "🚧", credit_card: "💳", eyes: "👀", exclamation: "❗", fire: "🔥", fire_engine: "🚒",
  floppy_disk: "💾", gear: "⚙️", ghost: "👻", globe_with_meridians: "🌐", green_book: "📗", green_heart: "💚",
  grey_question: "❔", hammer: "🔨", hammer_and_wrench: "🛠️", heart: "❤️", heavy_check_mark: "✔️",
  hourglass: "⌛", hourglass_flowing_sand: "⏳", information_source: "ℹ️", joy: "😂", key: "🔑", label: "🏷️",
  large_blue_circle: "🔵", large_green_circle: "🟢", large_orange_circle: "🟠", large_red_circle: "🔴",
  large_yellow_circle: "🟡", large_green_square: "🟩", large_red_square: "🟥", link: "🔗", lock: "🔒",
  mag: "🔍", medical_symbol: "⚕️", memo: "📝", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑",
  ok: "🆗", ok_hand: "👌", package: "📦", pause_button: "⏸️", point_right: "👉", pray: "🙏", pushpin: "📌",
  question: "❓", rainbow: "🌈", recycle: "♻️", red_circle: "🔴", repeat: "🔁", robot_face: "🤖", rocket: "🚀",
  rotating_light: "🚨", satellite: "🛰️", shield: "🛡️", siren: "🚨", skull: "💀", slightly_smiling_face: "🙂", smile: "😄",
  snail: "🐌", sos: "🆘", sparkles: "✨", stop_button: "⏹️", stopwatch: "⏱️", sunny: "☀️", tada: "🎉", telephone_receiver: "📞",
  thinking_face: "🤔", thumbsdown: "👎", thumbsup: "👍", "+1": "👍", "-1": "👎", ticket: "🎫", traffic_light: "🚥",
  turtle: "🐢", unlock: "🔓", warning: "⚠️", wastebasket: "🗑️", watch: "⌚", wave: "👋", white_check_mark: "✅",
  white_circle: "⚪", white_large_square: "⬜", wrench: "🔧", x: "❌", zap: "⚡", zzz: "💤",
};

export function emoji(name) {
  return BY_NAME[name.split("::")[0]] ?? null;
}

/** Text in which the known shortcodes are replaced; for plain_text. */
export function withEmoji(text) {
  return text.replace(/:([a-z0-9_+-]+):/g, (whole, name) => emoji(name) ?? whole);
}
