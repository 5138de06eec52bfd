// Holds docs/api.md and docs/configuration.md to the code they describe.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defaultGateLimits } from '../../src/modality/gate.js';
import { inspect } from '../support/client.js';
import { type RunningService, startService } from '../support/service.js';

const rootDir = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string) => readFileSync(`${rootDir}${path}`, 'utf8');

const api = read('docs/api.md');
const configuration = read('docs/configuration.md');

/** A table's rows whose first cell is one name in back-ticks, by that name: the second cell. */
const tableOf = (page: string) =>
  new Map(
    [...page.matchAll(/^\| `([A-Z_]+)` \| ([^|]*) \|/gm)].map(([, name = '', second = '']) => [
      name,
      second.trim(),
    ]),
  );

const errors = [...read('src/errors.ts').matchAll(/^ {2}([A-Z_]+): \[(\d+),/gm)].map(
  ([, code = '', status = '']) => ({ code, status }),
);
const variables = [...read('src/config.ts').matchAll(/^ {2}([A-Z_]+): ([^\n]*),$/gm)].map(
  ([, name = '', schema = '']) => ({ name, fallback: /\.default\(\[?([\w./' *]+)\]?\)/.exec(schema)?.[1] }),
);
/** `10_000`, `'info'` and `32 * MIB` as a reader writes them. */
const written = (literal: string) => {
  const mebibytes = /^(\d+) \* MIB$/.exec(literal)?.[1];
  return mebibytes === undefined ? literal.replaceAll(/[_']/g, '') : `${Number(mebibytes) * 1024 * 1024}`;
};
const defaults = [
  ...variables.flatMap(({ name, fallback }) =>
    fallback === undefined ? [] : [{ name, value: written(fallback) }],
  ),
  ...Object.entries(defaultGateLimits).map(([limit, value]) => ({
    name: `GATE_${limit.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`,
    value: `${value}`,
  })),
];

let service: RunningService;
beforeAll(async () => {
  service = await startService({ RECIPES_FILE: `${rootDir}docs/examples/recipes.json` });
});
afterAll(() => service.close());

describe('docs/api.md', () => {
  it('explains every error code with its status, and no other', () => {
    expect(errors.length).toBeGreaterThan(20);
    const documented = tableOf(api.slice(api.indexOf('## Errors')));
    expect(Object.fromEntries(documented)).toEqual(
      Object.fromEntries(errors.map(({ code, status }) => [code, status])),
    );
  });

  it('shows every route of the OpenAPI document', async () => {
    const { paths } = (await (await fetch(`${service.url}/openapi.json`)).json()) as {
      paths: Record<string, object>;
    };
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `\`${method.toUpperCase()} ${path}\``),
    );
    expect(routes.length).toBeGreaterThan(5);
    expect(routes.filter((route) => !api.includes(route))).toEqual([]);
  });

  it('shows the answer its example capture gets', async () => {
    const parts = Object.fromEntries(
      ['rgb.png', 'depth.png', 'acoustic.wav'].map((file) => [
        file.split('.')[0],
        readFileSync(`${rootDir}docs/examples/${file}`),
      ]),
    );
    const { verdict, score, branch } = await inspect(service.url, parts);
    expect(api).toContain(`"verdict": "${verdict}",\n  "score": ${score?.toFixed(4)}`);
    expect(api).toContain(`"branch": "${branch}",`);
  });
});

describe('docs/configuration.md', () => {
  it('explains every environment variable, and no other', () => {
    expect(variables.length).toBeGreaterThan(20);
    expect([...tableOf(configuration).keys()].sort()).toEqual(variables.map(({ name }) => name).sort());
  });

  it.each(defaults)('names the default of $name', ({ name, value }) => {
    expect(tableOf(configuration).get(name)).toContain(`\`${value}\``);
  });
});
