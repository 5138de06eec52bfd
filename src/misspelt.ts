// Finds a name that was meant to be one of ours, and is not.

/** One slip. Two would take names of other programs for ours: SSL_CERT_FILE is two letters from TLS_CERT_FILE. */
const SLIPS = 1;

/** The first of `given` that is none of `known` but nearly one, whatever its case. */
export function misspeltName(
  given: readonly string[],
  known: readonly string[],
): { given: string; meant: string } | undefined {
  for (const name of given) {
    if (known.includes(name)) continue;
    const meant = known.find((other) => distance(name.toUpperCase(), other.toUpperCase()) <= SLIPS);
    if (meant !== undefined) return { given: name, meant };
  }
  return undefined;
}

/** Letters to add, drop, change or swap with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      const options = [at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + change];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        options.push(at(beforeLast, j - 2) + 1);
      row.push(Math.min(...options));
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
