// Takes PromQL expressions apart as far as tests need it: which metrics they name, with which labels.

export interface Selector {
  readonly metric: string;
  /** Those it is filtered by. */
  readonly labels: readonly string[];
}

const WORDS = new Set([
  'by',
  'on',
  'and',
  'or',
  'unless',
  'group_left',
  'without',
  'ignoring',
  'offset',
  'bool',
]);

/** Grafana's variables are taken for label values and ranges, as it does. */
export function selectorsOf(expression: string): Selector[] {
  const bare = expression
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/\[[^\]]*\]/g, '')
    // The labels of an aggregation or a join are no metrics.
    .replaceAll(/\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)/g, '');
  return [...bare.matchAll(/\b([a-zA-Z_:][\w:]*)\b(?!\s*\()\s*(?:\{([^}]*)\})?/g)].flatMap(
    ([, metric = '', filters = '']) => {
      const labels = [...filters.matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => label);
      return WORDS.has(metric) ? [] : [{ metric, labels }];
    },
  );
}

/** Each metric that an expression names, once. */
export function metricsOf(expression: string): string[] {
  return [...new Set(selectorsOf(expression).map(({ metric }) => metric))];
}
