// How much memory a page and its workers hold, as Chromium counts it: JavaScript's heaps, and buffers with WebAssembly's memory.

/** Watches a page; `peak()` ends that and gives the highest sums seen: of the heap, of buffers, of both. */
export async function watchMemory(page, everyMs = 100) {
  const session = await page.context().newCDPSession(page);
  const workers = new Map();
  const waiting = new Map();
  let next = 0;
  session.on("Target.attachedToTarget", ({ sessionId, targetInfo }) => workers.set(sessionId, targetInfo));
  session.on("Target.detachedFromTarget", ({ sessionId }) => workers.delete(sessionId));
  session.on("Target.receivedMessageFromTarget", ({ message }) => {
    const { id, result } = JSON.parse(message);
    waiting.get(id)?.(result);
    waiting.delete(id);
  });
  await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  const ask = (sessionId, method) =>
    new Promise((resolve) => {
      next += 1;
      waiting.set(next, resolve);
      // A worker that ended says nothing.
      setTimeout(resolve, 2000, null).unref();
      const message = JSON.stringify({ id: next, method });
      session.send("Target.sendMessageToTarget", { sessionId, message }).catch(() => resolve(null));
    });

  const highest = { heap: 0, buffers: 0, both: 0, workers: 0 };
  const look = async () => {
    const of = [session.send("Runtime.getHeapUsage"), ...[...workers.keys()].map((id) => ask(id, "Runtime.getHeapUsage"))];
    const usages = (await Promise.all(of)).filter(Boolean);
    const sum = (key) => usages.reduce((total, usage) => total + (usage[key] ?? 0), 0);
    const now = { heap: sum("usedSize") + sum("embedderHeapUsedSize"), buffers: sum("backingStorageSize") };
    now.both = now.heap + now.buffers;
    now.workers = usages.length - 1;
    for (const key of Object.keys(highest)) highest[key] = Math.max(highest[key], now[key]);
  };
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return {
    peak: async () => {
      isOver = true;
      await watching;
      await session.detach();
      return highest;
    },
  };
}
