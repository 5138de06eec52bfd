// Holds rules, dashboard and runbook to each other, and to the metrics that the service exports.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { CATALOGUE, type MetricSpec } from '../../src/metrics/catalogue.js';
import { createMetrics } from '../../src/metrics/metrics.js';
import { type Selector, selectorsOf } from '../support/promql.js';
import { promtool } from '../support/promtool.js';
import { rootDir } from '../support/root-dir.js';

const RULES = 'helm/branchline/files/rules.yaml';
const CASES = 'test/helm/alerts.promtool.yaml';
const read = (path: string) => readFileSync(`${rootDir}${path}`, 'utf8');

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const { groups } = parse(read(RULES)) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const recorded = new Set(rules.map(({ record }) => record));
const { panels } = JSON.parse(read('helm/branchline/files/dashboard.json')) as {
  panels: { title: string; type: string; description?: string; targets?: { expr: string }[] }[];
};
const queries = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

/** Every series name of a scrape, `_bucket` and its kind included, and the labels it can have. */
async function exportedSeries(): Promise<Map<string, readonly string[]>> {
  const text = await createMetrics().scrape();
  const own: Readonly<Record<string, MetricSpec>> = CATALOGUE;
  return new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) => {
      const labels = own[name]?.labels ?? [];
      return type === 'histogram'
        ? ['_bucket', '_sum', '_count'].map((end) => [name + end, [...labels, 'le']] as const)
        : [[name, labels] as const];
    }),
  );
}

/** What is wrong with a selector; empty where nothing is. */
function faults({ metric, labels }: Selector, exported: ReadonlyMap<string, readonly string[]>): string[] {
  // Prometheus' own labels and metric.
  const always = ['namespace', 'job', 'instance'];
  if (metric === 'up' || recorded.has(metric)) return [];
  const known = exported.get(metric);
  if (known === undefined) return [`${metric} is not exported`];
  return labels
    .filter((label) => ![...always, ...known].includes(label))
    .map((label) => `${metric} has no label ${label}`);
}

describe('the rules', () => {
  it('are what Prometheus accepts', async () => {
    expect(await promtool('check', 'rules', RULES)).toContain(`SUCCESS: ${rules.length} rules found`);
  });

  it('fire and stay quiet as their cases say', async () => {
    expect(await promtool('test', 'rules', CASES)).toMatch(/SUCCESS\s*$/);
  }, 120_000);

  it.each(alerts)('$alert has a case in which it fires, and one in which it stays quiet', ({ alert }) => {
    const { tests } = parse(read(CASES)) as {
      tests: { promql_expr_test: { expr: string; exp_samples: unknown[] }[] }[];
    };
    const cases = tests
      .flatMap(({ promql_expr_test }) => promql_expr_test)
      .filter(({ expr }) => expr === `count(ALERTS{alertname="${alert}",alertstate="firing"})`)
      .map(({ exp_samples }) => exp_samples.length > 0);
    expect([cases.includes(true), cases.includes(false)]).toEqual([true, true]);
  });

  it('name only metrics and labels that the service exports', async () => {
    const exported = await exportedSeries();
    const selectors = rules.flatMap(({ expr }) => selectorsOf(expr));
    expect(selectors.length).toBeGreaterThan(rules.length);
    expect(selectors.flatMap((selector) => faults(selector, exported))).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('asks only for metrics and labels that the service exports', async () => {
    const exported = await exportedSeries();
    expect(queries.length).toBeGreaterThan(30);
    const wrong = queries.flatMap(({ title, expr }) =>
      selectorsOf(expr).flatMap((selector) =>
        faults(selector, exported).map((fault) => `${title}: ${fault}`),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it('says of every panel what it shows, and asks something in it', () => {
    const silent = panels.filter(
      ({ type, description, targets = [] }) => type !== 'row' && (!description || targets.length === 0),
    );
    expect(silent.map(({ title }) => title)).toEqual([]);
  });

  it('or an alert looks at every metric there is', () => {
    const asked = new Set(
      [...queries, ...rules].flatMap(({ expr }) => selectorsOf(expr).map(({ metric }) => metric)),
    );
    const unseen = Object.keys(CATALOGUE).filter((name) =>
      ['', '_bucket', '_sum', '_count'].every((end) => !asked.has(name + end)),
    );
    expect(unseen).toEqual([]);
  });
});

describe('the runbook', () => {
  const runbook = read('docs/runbook.md');
  const sections = [...runbook.matchAll(/^## (Branchline\w+)$/gm)].map(([, name = '']) => name);

  it('has a section for each alert, and no other', () => {
    expect(sections.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it.each(alerts)('is linked from $alert, with what it means, what to look at and what to do', (rule) => {
    expect(rule.annotations?.runbook_url).toBe(`docs/runbook.md#${rule.alert?.toLowerCase()}`);
    const section = runbook.split(`## ${rule.alert}\n`)[1]?.split('\n## ')[0] ?? '';
    for (const heading of ['**Means.**', '**Look at.**', '**Do.**']) expect(section).toContain(heading);
  });

  it('speaks only of panels that are there', () => {
    const titles = panels.map(({ title }) => title);
    const named = [...runbook.matchAll(/(?<!\*)\*([A-Z][^*\n]*)\*(?!\*)/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => ![...titles, 'Branchline'].includes(name))).toEqual([]);
  });
});
