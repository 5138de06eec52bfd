// The configuration as a person may see it: every variable with what it is in force as, secrets masked.

const MASK = '***';

/** A URL may carry a password; everything else in the environment is a name, a number or a path. */
export function mayHoldPassword(name: string): boolean {
  return name.endsWith('_URL') || name.endsWith('_ENDPOINT');
}

export function masked(name: string, value: string): string {
  if (name.endsWith('_PASSWORD')) return MASK;
  // Not by URL: it knows no address of several hosts. An account without a colon may be a token.
  return mayHoldPassword(name)
    ? value.replace(/^([^:]+:\/\/(?:[^:]*:)?).*@/, (_account, before) => `${before}${MASK}@`)
    : value;
}

/** One line a variable, in the order of the schema; what is not set shows its default. */
export function settingsOf(
  names: readonly string[],
  given: Readonly<Record<string, string | undefined>>,
  effective: Readonly<Record<string, unknown>>,
): string {
  return names
    .map((name) => {
      const value = given[name];
      if (value !== undefined) return `${name}=${masked(name, value)}\n`;
      const fallback = effective[name];
      const shown = Array.isArray(fallback) ? fallback.join(',') : (fallback ?? '');
      return `# ${name}=${String(shown)}\n`;
    })
    .join('');
}
