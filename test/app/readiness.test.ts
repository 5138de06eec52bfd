import { describe, expect, it } from '@jest/globals';
import type { Inference } from '../../src/app/inference.js';
import { createReadiness } from '../../src/app/readiness.js';

const healthy = {
  pool: { alive: 2, wanted: 2, stuck: 0, provider: { active: 'cpu', refused: [] } },
  scheduler: { depth: 3 },
};
const working = { ping: async () => {} };

const readiness = (inference: object = {}, store = working, closing = new AbortController().signal) =>
  createReadiness({ ...healthy, ...inference } as unknown as Inference, store, closing)();

const pool = (overrides: object) => ({ pool: { ...healthy.pool, ...overrides } });

describe('readiness', () => {
  it('is ready where workers and store are there', async () => {
    expect(await readiness()).toMatchObject({ ready: true, reasons: [], warnings: [], queueDepth: 3 });
  });

  it('is not ready without a worker', async () => {
    expect(await readiness(pool({ alive: 0 }))).toMatchObject({
      ready: false,
      reasons: ['workers: none is ready; a replacement is starting'],
    });
  });

  it('is not ready while it drains', async () => {
    expect(await readiness({}, working, AbortSignal.abort())).toMatchObject({
      ready: false,
      reasons: ['draining: the service is shutting down'],
    });
  });

  it('stays ready with a broken store or a lost worker, and warns', async () => {
    const full = { ping: () => Promise.reject(new Error('disk full')) };
    expect(await readiness(pool({ alive: 1 }), full)).toMatchObject({
      ready: true,
      warnings: ['workers: 1 of 2 are ready', 'store: inspections cannot be stored now (disk full)'],
    });
  });

  it('stays ready while a worker hangs, and warns', async () => {
    expect(await readiness(pool({ stuck: 1 }))).toMatchObject({
      ready: true,
      workers: { ready: 2, wanted: 2, stuck: 1 },
      warnings: ['workers: 1 hang in a run and cannot be stopped; restart the service when the line allows'],
    });
  });

  it('warns of a provider it fell back from', async () => {
    const provider = { active: 'cpu', refused: [{ provider: 'cuda', why: 'no library' }] };
    expect((await readiness(pool({ provider }))).warnings).toEqual([
      'provider: cuda is not in use (no library); running on cpu',
    ]);
  });
});
