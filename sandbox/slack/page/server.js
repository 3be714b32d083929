/**
 * Talking to the workspace: questions, requests and the stream of what happens in it.
 *
 * Every request has a time limit, and none is repeated by itself: what a person did is sent once.
 * Only the stream of events connects again, and whoever listens then reads everything anew.
 */

const LIMIT_MS = 20_000; // Above the 3 s Slack waits for an app, and above what a fault delays.
const AGAIN_MS = [200, 500, 1000, 2000];

export class Unanswered extends Error {}

export async function get(path, params = {}) {
  return ask(`${path}?${new URLSearchParams(params)}`, {});
}

export async function post(path, body) {
  const headers = { "content-type": "application/json" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function ask(path, init) {
  let answer;
  try {
    answer = await fetch(path, { ...init, signal: AbortSignal.timeout(LIMIT_MS) });
  } catch {
    throw new Unanswered("The simulated workspace does not answer. Is the sandbox still running?");
  }
  if (answer.status === 404) return null;
  const body = await answer.json().catch(() => null);
  if (!answer.ok || body === null) {
    const why = body && body.error ? `: ${body.error}` : "";
    throw new Unanswered(`The simulated workspace refused this (HTTP ${answer.status})${why}.`);
  }
  return body;
}

/** Calls `heard(event)` for each event, and `connected(true | false)` as the stream comes and goes. */
export function listen(user, heard, connected) {
  let failures = 0;
  const open = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/page/events?user=${encodeURIComponent(user)}`);
    socket.addEventListener("open", () => {
      failures = 0;
      connected(true);
    });
    socket.addEventListener("message", (event) => heard(JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      connected(false);
      setTimeout(open, AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]);
      failures += 1;
    });
  };
  open();
}

/** `work` never runs twice at once; calls made while it runs lead to one more run of it. */
export function coalesced(work) {
  let running = null;
  let again = false;
  const loop = async () => {
    do {
      again = false;
      await work();
    } while (again);
  };
  return () => {
    if (running) again = true;
    else running = loop().finally(() => { running = null; });
    return running;
  };
}
