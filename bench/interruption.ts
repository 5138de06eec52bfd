// Ctrl-C and its like, as something to race against.

/** Resolves at the first signal that asks this program to end; a second one ends it as usual. */
export function untilInterrupted(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve('interrupted'));
  });
}
