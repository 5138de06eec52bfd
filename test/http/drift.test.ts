// GET /v1/drift of the running service: a line whose parts have become brighter, and a camera that froze, show.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { DriftReport } from '../../src/drift/drift.js';
import type { Problem } from '../../src/http/problem.js';
import { type KeyFile, keyFileOf } from '../security/keys.js';
import { type Answer, captureForm, readJson } from '../support/client.js';
import { type RunningService, startService } from '../support/service.js';

const CAPTURES = 110;

let keys: KeyFile;
let service: RunningService;
let pictures = 0;

/** 64 x 64 with noise of its own; the tiny bundle scores a picture by its mean brightness, 0…1. */
function pictureOf(brightness: number): Promise<Buffer> {
  pictures++;
  const values = Uint8Array.from(
    { length: 64 * 64 * 3 },
    (_, i) => 255 * brightness + (((i + pictures) * 7919) % 41) - 20,
  );
  return sharp(values, { raw: { width: 64, height: 64, channels: 3 } })
    .png()
    .toBuffer();
}

async function send(lineId: string, rgb: Buffer, recipe?: string): Promise<void> {
  const body = captureForm({ rgb }, { lineId, stationId: `${lineId}-camera`, ...(recipe && { recipe }) });
  const response = await fetch(`${service.url}/v1/inspections`, {
    method: 'POST',
    body,
    headers: keys.as('station'),
  });
  expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
}

async function driftOf<T = DriftReport>(query = '', key = 'reader'): Promise<Answer<T>> {
  return readJson<T>(await fetch(`${service.url}/v1/drift${query}`, { headers: keys.as(key) }));
}

beforeAll(async () => {
  keys = await keyFileOf([
    { id: 'station', scopes: ['ingest'] },
    { id: 'reader', scopes: ['read'] },
    { id: 'line-1', scopes: ['read'], lines: ['steady'] },
    { id: 'two-lines', scopes: ['read'], lines: ['steady', 'bright'] },
  ]);
  service = await startService({ API_KEYS_FILE: keys.path, RATE_LIMIT_PER_MINUTE: '0' });
  for (let i = 0; i < CAPTURES; i++) {
    const share = (i + 0.5) / CAPTURES;
    await send('steady', await pictureOf(0.3 + 0.3 * share));
    await send('bright', await pictureOf(0.5 + 0.3 * share));
  }
  const still = await pictureOf(0.4);
  for (let i = 0; i < 5; i++) await send('frozen', still);
}, 60_000);
afterAll(async () => {
  await service.close();
  await keys.remove();
});

describe('GET /v1/drift', () => {
  it('tells the line whose scores have moved from the one whose have not', async () => {
    const { body, status } = await driftOf();
    expect(status).toBe(200);
    const found = body.lines.map(({ lineId, captures, branches: [rgb] }) => [
      lineId,
      captures,
      rgb?.branch,
      rgb?.share,
      rgb?.state,
    ]);
    expect(found).toEqual([
      ['steady', CAPTURES, 'rgb', 1, 'stable'],
      ['bright', CAPTURES, 'rgb', 1, 'shifted'],
      ['frozen', 5, 'rgb', 1, 'too_few'],
    ]);
    const [steady, bright] = body.lines.map(({ branches: [rgb] }) => rgb?.psi ?? Number.NaN);
    expect(steady).toBeLessThan(0.1);
    expect(bright).toBeGreaterThan(1);
    expect(Date.parse(body.since)).toBeLessThanOrEqual(Date.now());
  });

  it('tells the camera that sends one picture again and again from those that do not', async () => {
    const { body } = await driftOf();
    expect(body.sensors.map(({ stationId, modality, state }) => [stationId, modality, state])).toEqual([
      ['steady-camera', 'rgb', 'alive'],
      ['bright-camera', 'rgb', 'alive'],
      ['frozen-camera', 'rgb', 'frozen'],
    ]);
  });

  it('is asked for one line, or one recipe', async () => {
    const ofLine = await driftOf('?lineId=bright');
    expect(ofLine.body.lines.map(({ lineId }) => lineId)).toEqual(['bright']);
    expect(ofLine.body.sensors.map(({ lineId }) => lineId)).toEqual(['bright']);
    expect((await driftOf('?recipe=other')).body).toMatchObject({ lines: [], sensors: [] });
  });

  it('shows a key that is bound to a line nothing of another', async () => {
    const own = await driftOf('', 'line-1');
    expect(own.body.lines.map(({ lineId }) => lineId)).toEqual(['steady']);
    expect(own.body.sensors.map(({ lineId }) => lineId)).toEqual(['steady']);
    for (const [query, key] of [
      ['?lineId=bright', 'line-1'],
      ['', 'two-lines'],
    ] as const)
      expect(await driftOf<Problem>(query, key)).toMatchObject({
        status: 403,
        body: { code: 'FORBIDDEN', part: 'lineId' },
      });
  });

  it.each(['?lineId=', '?lineID=bright', '?recipe=a%00b'])('refuses %s by name', async (query) => {
    expect(await driftOf<Problem>(query)).toMatchObject({ status: 400, body: { code: 'BAD_REQUEST' } });
  });

  it('is what the metrics show', async () => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    const gauge = (series: string) => Number(text.split(`\n${series} `)[1]?.split('\n')[0]);
    const { body } = await driftOf('?lineId=bright');
    expect(gauge('branchline_drift_psi{line="bright",branch="rgb"}')).toBe(body.lines[0]?.branches[0]?.psi);
    expect(gauge('branchline_drift_shifted{line="bright"}')).toBe(1);
    expect(gauge('branchline_drift_shifted{line="steady"}')).toBe(0);
    expect(gauge('branchline_branch_share{line="steady",branch="rgb"}')).toBe(1);
    const frozen = (line: string) =>
      gauge(`branchline_sensor_faults{line="${line}",modality="rgb",fault="frozen"}`);
    expect([frozen('frozen'), frozen('steady')]).toEqual([1, 0]);
    expect(text).not.toContain('branchline_drift_psi{line="frozen"');
  });
});
