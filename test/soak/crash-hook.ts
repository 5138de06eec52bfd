// Loaded into the service under soak by NODE_OPTIONS=--import: makes one inference thread crash on a signal,
// which no request can, and which the code of the service needs no door for.
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads';

// It has no terminal, so nobody else sends it this one.
const SIGNAL = 'SIGWINCH';
const channel = new BroadcastChannel('branchline-soak-crash');
channel.unref();

if (isMainThread) {
  const threads: number[] = [];
  channel.onmessage = (event) => threads.push((event as { data: number }).data);
  // The oldest: a thread that has been replaced is not asked again.
  process.on(SIGNAL, () => channel.postMessage(threads.shift()));
} else {
  channel.onmessage = (event) => {
    if ((event as { data: number }).data !== threadId) return;
    setImmediate(() => {
      throw new Error('the soak crashes this thread');
    });
  };
  channel.postMessage(threadId);
}
