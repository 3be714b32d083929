/**
 * Times, all in UTC: the people of the simulated workspace live there, and so do the bot's words.
 */

const SHORT = { month: "short", day: "numeric", year: "numeric" };
const LONG = { weekday: "long", month: "long", day: "numeric", year: "numeric" };

function shown(date, options) {
  return date.toLocaleString("en-US", { timeZone: "UTC", ...options });
}

export function ofTs(ts) {
  return new Date(Number(ts) * 1000);
}

export function clock(date) {
  return date.toISOString().slice(11, 16);
}

export function exact(date) {
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export function isoDay(date) {
  return date.toISOString().slice(0, 10);
}

/** "Today", "Yesterday" or the day. */
export function day(date) {
  return near(date) ?? shown(date, LONG);
}

function near(date) {
  const days = Math.round((Date.parse(isoDay(new Date())) - Date.parse(isoDay(date))) / 86_400_000);
  return { "0": "Today", "1": "Yesterday", "-1": "Tomorrow" }[days] ?? null;
}

export function ago(date) {
  const seconds = Math.round((Date.now() - date.getTime()) / 1000);
  const [size, unit] = seconds < 60 ? [1, "second"] : seconds < 3600 ? [60, "minute"] : seconds < 86_400 ? [3600, "hour"] : [86_400, "day"];
  return new Intl.RelativeTimeFormat("en").format(-Math.floor(seconds / size), unit);
}

/** Slack's date notation: `format` holds tokens such as {date_short} and {time}. */
export function formatted(seconds, format, fallback) {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return fallback ?? String(seconds);
  const tokens = {
    date_num: () => isoDay(date),
    date_slash: () => isoDay(date).replaceAll("-", "/"),
    date: () => shown(date, { month: "long", day: "numeric", year: "numeric" }),
    date_short: () => shown(date, SHORT),
    date_long: () => shown(date, LONG),
    date_pretty: () => near(date)?.toLowerCase() ?? shown(date, { month: "long", day: "numeric", year: "numeric" }),
    date_short_pretty: () => near(date)?.toLowerCase() ?? shown(date, SHORT),
    date_long_pretty: () => near(date)?.toLowerCase() ?? shown(date, LONG),
    day_divider_pretty: () => day(date),
    time: () => clock(date),
    time_secs: () => date.toISOString().slice(11, 19),
    ago: () => ago(date),
  };
  return format.replace(/\{(\w+)\}/g, (whole, name) => (tokens[name] ? tokens[name]() : whole));
}
