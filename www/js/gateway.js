// Which gateway, and how to get in: the one that serves this page, or any address that is given.

/** What the page's own gateway offers; none where the page is served by something else. */
export async function targets() {
  try {
    const response = await fetch(new URL("api/targets", location.href));
    if (!response.ok) return [];
    return (await response.json()).targets ?? [];
  } catch {
    return [];
  }
}

/** A refusal that the gateway has put into words. */
export class Refused extends Error {}

/**
 * Where to connect to, and with which subprotocols.
 * @param {{target?: string, address?: string}} where a target of our own gateway, or an address
 */
export async function route({ target, address }) {
  if (!target) return { url: address, protocols: ["binary"] };
  const url = new URL(`ws/${encodeURIComponent(target)}`, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = url.hash = "";
  let response;
  try {
    response = await fetch(new URL("api/token", location.href), { method: "POST" });
  } catch {
    return { url: url.href, protocols: ["binary"] };
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error ?? `the gateway answers ${response.status}`);
  return { url: url.href, protocols: ["binary", `token.${answer.token}`] };
}

/** Whether a text is an address that a WebSocket can have. */
export function isAddress(text) {
  try {
    return ["ws:", "wss:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}
