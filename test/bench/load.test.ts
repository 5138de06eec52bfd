// The load generator: when it sends, what it makes of answers, and when it calls a server recovered.
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { runClosedLoop } from '../../bench/load/closed-loop.js';
import { NO_ANSWER } from '../../bench/load/connection.js';
import { runOpenLoop } from '../../bench/load/open-loop.js';
import { MOST_ARRIVALS, planArrivals } from '../../bench/load/open-plan.js';
import type { PreparedRequest } from '../../bench/load/protocol.js';
import { recoveredAtMs } from '../../bench/load/recovery.js';
import { seededRandom } from '../../bench/random.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `http://127.0.0.1:${address.port}`;
}

const request: PreparedRequest = {
  method: 'POST',
  path: '/x',
  headers: { 'content-type': 'image/png' },
  body: new Uint8Array([1, 2, 3]),
};

describe('planArrivals', () => {
  it('plans the rate asked for, at random moments in order, the same ones for the same seed', () => {
    const plan = planArrivals(100, 60_000, seededRandom(5));
    expect(plan.length).toBeGreaterThan(5700);
    expect(plan.length).toBeLessThan(6300);
    expect(plan).toEqual(plan.toSorted((a, b) => a - b));
    expect(plan.every((atMs) => atMs >= 0 && atMs < 60_000)).toBe(true);
    expect(planArrivals(100, 60_000, seededRandom(5))).toEqual(plan);
  });

  it('is Poisson: as many gaps below the mean as an exponential has', () => {
    const plan = planArrivals(100, 60_000, seededRandom(7));
    const gaps = plan.map((atMs, i) => atMs - (plan[i - 1] ?? 0));
    const below = gaps.filter((gapMs) => gapMs < 10).length / gaps.length;
    expect(below).toBeCloseTo(1 - Math.exp(-1), 1);
  });

  it('is bounded, and refuses what is no rate', () => {
    expect(planArrivals(1e9, 60_000, seededRandom(1))).toHaveLength(MOST_ARRIVALS);
    for (const rate of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => planArrivals(rate, 1000, seededRandom(1))).toThrow('cannot be planned');
  });
});

describe('the closed loop', () => {
  it('has as many requests under way as there are clients, and no more', async () => {
    let underWay = 0;
    let most = 0;
    const url = await serve((req, res) => {
      req.resume();
      most = Math.max(most, ++underWay);
      setTimeout(() => {
        underWay--;
        res.end('{}');
      }, 10);
    });
    const sent = await runClosedLoop({
      kind: 'closed',
      url,
      requests: [request],
      clients: 4,
      warmUpMs: 0,
      measureMs: 1000,
    });
    expect(most).toBe(4);
    expect(sent.length).toBeGreaterThan(4);
    expect(sent.every(({ refusal, latencyMs }) => refusal === undefined && latencyMs >= 9)).toBe(true);
  });
});

describe('the open loop', () => {
  it('sends on time, whatever became of those before, and asks beside it', async () => {
    const url = await serve((req, res) => {
      req.resume();
      // Captures are never answered; health and the trial after the load are.
      if (req.url === '/live') res.end('ok');
    });
    const { sent, probesMs, recoveryMs } = await runOpenLoop({
      kind: 'open',
      url,
      requests: [request],
      arrivalsMs: [0, 20, 40, 60],
      deadlineMs: 150,
      probes: [{ path: '/live', everyMs: 10 }],
      normalMs: undefined,
    });
    expect(sent.map(({ atMs, refusal }) => [Math.round(atMs), refusal])).toEqual(
      [0, 20, 40, 60].map((atMs) => [atMs, NO_ANSWER]),
    );
    // From the planned moment, so a late generator is no excuse.
    expect(sent.every(({ latencyMs }) => latencyMs >= 145)).toBe(true);
    expect(probesMs['/live']?.length).toBeGreaterThan(1);
    expect(recoveryMs).toBeUndefined();
  });
});

describe('recovery', () => {
  const trial = (sentMs: number, latencyMs: number, answered = true) => ({ sentMs, latencyMs, answered });

  it('is where three normal answers in a row begin', () => {
    const trials = [
      trial(0, 900),
      trial(900, 10),
      trial(920, 10),
      trial(940, 80),
      trial(1040, 11),
      trial(1060, 25),
    ];
    expect(recoveredAtMs(trials, 10)).toBeUndefined();
    expect(recoveredAtMs([...trials, trial(1100, 10)], 10)).toBe(1040);
  });

  it('is not fooled by fast refusals', () => {
    expect(
      recoveredAtMs(
        [0, 1, 2].map((at) => trial(at, 1, false)),
        10,
      ),
    ).toBeUndefined();
  });
});
