// Reads a Grafana dashboard, and asks Prometheus for what each of its panels would show.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';

const dashboardSchema = z.object({
  panels: z.array(
    z.object({
      title: z.string(),
      type: z.string(),
      targets: z.array(z.object({ expr: z.string() })).default([]),
    }),
  ),
});

const answerSchema = z.union([
  z.object({
    status: z.literal('success'),
    data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
  }),
  z.object({ status: z.literal('error'), error: z.string() }),
]);

export interface Panel {
  readonly title: string;
  readonly queries: readonly string[];
}

export interface ShownPanel {
  readonly title: string;
  /** With a value that is a number. */
  readonly series: number;
  readonly faults: readonly string[];
}

/** What Grafana puts in the place of its variables, with "All" chosen. */
const VARIABLES: Readonly<Record<string, string>> = {
  $namespace: '.*',
  $job: '.*',
  $line: '.*',
  $__rate_interval: '1m',
};

/** The panels that ask something: rows do not. */
export async function readPanels(file: string): Promise<Panel[]> {
  const { panels } = dashboardSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  return panels
    .filter(({ type }) => type !== 'row')
    .map(({ title, targets }) => ({ title, queries: targets.map(({ expr }) => withVariables(expr)) }));
}

/** A panel of several queries is full where one of them is; an error in any is a fault. */
export async function fullPanels(prometheusUrl: string, panels: readonly Panel[]): Promise<ShownPanel[]> {
  return Promise.all(
    panels.map(async ({ title, queries }) => {
      const answers = await Promise.all(queries.map((query) => ask(prometheusUrl, query)));
      const series = answers.reduce((sum, answer) => sum + answer.numbers, 0);
      const faults = answers.flatMap(({ error }) => error ?? []);
      return { title, series, faults: series === 0 ? [...faults, 'empty'] : faults };
    }),
  );
}

function withVariables(query: string): string {
  return Object.entries(VARIABLES).reduce((text, [name, value]) => text.replaceAll(name, value), query);
}

async function ask(prometheusUrl: string, query: string): Promise<{ numbers: number; error?: string }> {
  const url = new URL('/api/v1/query', prometheusUrl);
  url.searchParams.set('query', query);
  const answer = answerSchema.parse(await (await fetch(url)).json());
  if (answer.status === 'error') return { numbers: 0, error: answer.error };
  const values = answer.data.result.map(({ value: [, text] }) => Number(text));
  return { numbers: values.filter((value) => Number.isFinite(value)).length };
}
