// Ctrl-C and its like, as something to race against or to hand down.

/** Resolves at the first signal that asks this program to end; a second one ends it as usual. */
export function untilInterrupted(): Promise<'interrupted'> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve('interrupted'));
  });
}

/** The same for programs that start others: what they have started ends with it. */
export function abortWhenInterrupted(): AbortSignal {
  const abort = new AbortController();
  void untilInterrupted().then(() => abort.abort(new Error('interrupted')));
  return abort.signal;
}
