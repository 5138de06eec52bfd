// Many clients at once: every answer belongs to its capture.
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Inspection } from '../../src/inspection.js';
import { captureForm, inspect, type Parts, refuse } from '../support/client.js';
import { npyFile, wavFile } from '../support/files.js';
import { type RunningService, startService } from '../support/service.js';
import { rgbPng } from '../support/tiny-bundle.js';

const CLIENTS = 32;
const MAX_ROUNDS = 50;
const SUBSETS = [
  'rgb',
  'depth',
  'acoustic',
  'depth+rgb',
  'acoustic+rgb',
  'acoustic+depth',
  'acoustic+depth+rgb',
];

let services: RunningService[];
beforeAll(async () => {
  services = [await startService({ WORKERS: '2' }), await startService({ WORKERS: '1', MAX_BATCH: '8' })];
});
afterAll(async () => {
  for (const service of services) await service.close();
});

/** Signals that differ from client to client, so that the tiny model's score does. */
async function captureOf(client: number): Promise<Parts> {
  const level = 20 + 6 * client;
  const pixels = Buffer.from(Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => level + (i % 23)));
  const heights = Float32Array.from({ length: 64 * 64 }, (_, i) => 1 + client + (i % 7) / 10);
  const sound = Float32Array.from({ length: 4000 }, (_, i) => Math.sin(i / 5) * (0.05 + client * 0.02));
  const all: Parts = {
    rgb: await rgbPng(pixels),
    depth: npyFile('<f4', [64, 64], heights),
    acoustic: wavFile(sound),
  };
  const names = subsetOf(client).split('+');
  return Object.fromEntries(names.map((name) => [name, all[name] ?? Buffer.alloc(0)]));
}

const subsetOf = (client: number) => SUBSETS[client % SUBSETS.length] ?? 'rgb';

it.each([
  ['alone', 0, 0],
  // Another batch size is another order of sums.
  ['in batches of several branches', 1, 1e-6],
])(
  '32 clients with mixed subsets each get the answer to their own capture, run %s',
  async (_how, which, tolerance) => {
    const service = services[which] as RunningService;
    const captures = await Promise.all(Array.from({ length: CLIENTS }, (_, client) => captureOf(client)));
    const alone: Inspection[] = [];
    for (const parts of captures) alone.push(await inspect(service.url, parts));
    expect(new Set(alone.map(({ branch, score }) => `${branch} ${score}`)).size).toBe(CLIENTS);

    // The tiny model runs in a millisecond: whether two captures meet in the queue is left to the machine.
    let batched = which === 0;
    for (let round = 0; round === 0 || (!batched && round < MAX_ROUNDS); round++) {
      const together = await Promise.all(
        captures.map((parts, client) =>
          inspect(service.url, parts, { captureId: `client-${client}-${round}` }),
        ),
      );
      together.forEach((answer, client) => {
        expect(answer.captureId).toBe(`client-${client}-${round}`);
        expect(answer.branch).toBe(subsetOf(client));
        const own = alone[client] as Inspection;
        for (const [together, alone] of pairs(answer, own))
          expect(Math.abs(together - alone)).toBeLessThanOrEqual(tolerance);
        expect(Object.keys(answer.evidence)).toEqual(Object.keys(own.evidence));
        expect(answer.regions.map(({ bbox }) => bbox)).toEqual(own.regions.map(({ bbox }) => bbox));
      });
      batched ||= (await meanBatch(service)) > 1;
    }
    expect(batched).toBe(true);
  },
);

/** Every number of the verdict, of one answer and of the other. */
function pairs(one: Inspection, other: Inspection): [number, number][] {
  const numbers = ({ score, evidence, regions }: Inspection) => [
    score ?? Number.NaN,
    ...Object.values(evidence).flatMap(({ score, weight }) => [score, weight]),
    ...regions.flatMap(({ peak, mean, areaPx }) => [peak, mean, areaPx]),
  ];
  const others = numbers(other);
  return numbers(one).map((value, at) => [value, others[at] ?? Number.NaN]);
}

/** Above one, some captures were run together. */
async function meanBatch({ url }: RunningService): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const value = (name: string) =>
    Number(new RegExp(`^branchline_batch_size_${name} (\\d+)$`, 'm').exec(page)?.[1]);
  return value('sum') / value('count');
}

it('a full queue answers 503 with Retry-After, never a wrong or a lost answer', async () => {
  const tight = await startService({ WORKERS: '1', QUEUE_LIMIT: '1' });
  try {
    const form = captureForm(await captureOf(6));
    const answers = await Promise.all(Array.from({ length: CLIENTS }, () => refuse(tight.url, form)));
    const refused = answers.filter(({ status }) => status !== 200);
    for (const { status, headers, body } of refused) {
      expect([status, body.code]).toEqual([503, 'OVERLOADED']);
      expect(headers.get('retry-after')).toBe('1');
    }
    expect(answers.length - refused.length).toBeGreaterThan(0);
  } finally {
    await tight.close();
  }
});
