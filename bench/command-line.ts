// What the command lines of the bench's programs share: mistakes, and numbers out of text.

/** A mistake on the command line; one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function numberIn(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= low && value <= high))
    throw new UsageError(`--${name} ${text}: it must be a number from ${low} to ${high}.`);
  return value;
}

export function wholeNumberIn(name: string, text: string, low: number, high: number): number {
  const value = numberIn(name, text, low, high);
  if (!Number.isInteger(value)) throw new UsageError(`--${name} ${text}: it must be a whole number.`);
  return value;
}

/** Runs a program to its exit code: 2 for a wrong command line, 1 for any other error, each told in one line. */
export async function runProgram(name: string, main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    if (error instanceof UsageError) process.stderr.write(`"npm run ${name} -- --help" says more.\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}
