// What the commands share: a mistake on the command line is exit code 2, any other error 1, each told in one line.

/** A mistake on the command line; one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Runs a command to its exit code. */
export async function runCommand(name: string, main: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const isUsage = error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS');
    process.stderr.write(`${name}: ${message}\n`);
    if (isUsage) process.stderr.write(`"npm run ${name} -- --help" says more.\n`);
    process.exitCode = isUsage ? 2 : 1;
  }
}
