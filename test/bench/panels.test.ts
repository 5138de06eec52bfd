import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fullPanels, readPanels } from '../../bench/dashboards/panels.js';
import { rootDir } from '../support/root-dir.js';

/** What a Prometheus says to each of these queries. */
const ANSWERS: Readonly<Record<string, object>> = {
  two: { status: 'success', data: { result: [{ value: [1, '1'] }, { value: [1, '0'] }] } },
  none: { status: 'success', data: { result: [] } },
  undefined_ratio: { status: 'success', data: { result: [{ value: [1, 'NaN'] }] } },
  wrong: { status: 'error', error: 'parse error' },
};

let server: Server;
let url: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://here').searchParams.get('query') ?? '';
    response.end(JSON.stringify(ANSWERS[query]));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
});

const shown = async (...queries: string[]) => (await fullPanels(url, [{ title: 'panel', queries }]))[0];

describe('the panels of a dashboard', () => {
  it('are full where one of their queries is, and in error where one is', async () => {
    expect(await shown('none', 'two')).toEqual({ title: 'panel', series: 2, faults: [] });
    expect(await shown('two', 'wrong')).toEqual({ title: 'panel', series: 2, faults: ['parse error'] });
  });

  it('are empty where nothing comes, or nothing that is a number', async () => {
    expect((await shown('none'))?.faults).toEqual(['empty']);
    expect((await shown('undefined_ratio'))?.faults).toEqual(['empty']);
  });

  it('are asked with every variable of Grafana filled in', async () => {
    const panels = await readPanels(`${rootDir}helm/branchline/files/dashboard.json`);
    expect(panels.length).toBeGreaterThan(20);
    expect(panels.flatMap(({ queries }) => queries).filter((query) => query.includes('$'))).toEqual([]);
  });
});
