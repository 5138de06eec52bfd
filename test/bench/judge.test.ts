// Sending captures over a real socket: what arrives, what is a result, and what is an error.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { judgeCaptures } from '../../bench/judge.js';
import type { PlannedCapture } from '../../bench/plan.js';
import { anInspection } from '../store/samples.js';

type Reply = { readonly status: number; readonly body: unknown; readonly headers?: Record<string, string> };

let folder: string;
let server: Server;
let url: string;
let inFlight = 0;
let mostInFlight = 0;
let replyTo: (form: FormData, requestUrl: string) => Reply | Promise<Reply>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-judge-'));
  await writeFile(join(folder, 'rgb.png'), 'rgb bytes');
  await writeFile(join(folder, 'depth.png'), 'depth bytes');
  inFlight = mostInFlight = 0;
  server = createServer(async (request, response) => {
    mostInFlight = Math.max(mostInFlight, ++inFlight);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = { 'content-type': request.headers['content-type'] ?? '' };
    const form = await new Response(Buffer.concat(chunks), { headers }).formData();
    const { status, body, headers: extra } = await replyTo(form, request.url ?? '');
    inFlight--;
    response.writeHead(status, { 'content-type': 'application/json', ...extra }).end(JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await rm(folder, { recursive: true, force: true });
});

const planned = (id: string, ...modalities: string[]): PlannedCapture => ({
  label: 'dent',
  id,
  files: new Map(['depth', 'rgb'].map((name) => [name, join(folder, `${name}.png`)])),
  modalities,
});
const asSent = (form: FormData) => JSON.parse(String(form.get('metadata'))).captureId as string;
/** Without the run it belongs to. */
const captureId = (form: FormData) => asSent(form).replace(/^[0-9a-f]{8}:/, '');
const judge = (plan: PlannedCapture[], concurrency = 4) =>
  judgeCaptures(plan, { serviceUrl: url, model: 'demo-part@1', concurrency, onProgress: () => {} });

it('sends the planned modalities and no other, to the planned model', async () => {
  const seen: unknown[] = [];
  replyTo = (form, requestUrl) => {
    seen.push([requestUrl, captureId(form), [...form.keys()].sort().join()]);
    return { status: 200, body: anInspection() };
  };
  await judge([planned('7', 'rgb')]);
  expect(seen).toEqual([['/v1/inspections?model=demo-part%401', 'dent/7', 'metadata,rgb']]);
});

it('keeps answers with their captures, a few under way at once', async () => {
  let release = () => {};
  const threeUnderWay = new Promise<void>((resolve) => {
    release = resolve;
  });
  replyTo = async (form) => {
    if (inFlight === 3) release();
    await threeUnderWay; // would wait for ever if fewer were sent at once
    return { status: 200, body: anInspection({ captureId: captureId(form) }) };
  };
  const plan = Array.from({ length: 20 }, (_, i) => planned(`${i}`, 'rgb'));
  const judged = await judge(plan, 3);
  expect(judged.map(({ inspection }) => inspection?.captureId)).toEqual(plan.map(({ id }) => `dent/${id}`));
  expect(mostInFlight).toBe(3);
});

it('judges anew each time it is run: no captureId is sent twice', async () => {
  const sent: string[] = [];
  replyTo = (form) => {
    sent.push(asSent(form));
    return { status: 200, body: anInspection() };
  };
  await judge([planned('7', 'rgb')]);
  await judge([planned('7', 'rgb')]);
  expect(new Set(sent).size).toBe(2);
});

it('takes a refused capture as a result', async () => {
  replyTo = () => ({ status: 422, body: { code: 'NO_BRANCH', detail: 'No branch.' } });
  const [judged] = await judge([planned('0', 'rgb')]);
  expect([judged?.refusedAs, judged?.inspection, judged?.latencyMs]).toEqual([
    'NO_BRANCH',
    undefined,
    undefined,
  ]);
});

it('sends again what was refused for overload', async () => {
  let asked = 0;
  replyTo = () =>
    ++asked < 3
      ? { status: 503, body: { code: 'OVERLOADED', detail: 'Busy.' }, headers: { 'retry-after': '0' } }
      : { status: 200, body: anInspection() };
  const [judged] = await judge([planned('0', 'rgb')]);
  expect([asked, judged?.inspection?.verdict]).toEqual([3, 'NG']);
});

it("ends with the service's own words where it does not run the model", async () => {
  replyTo = () => ({ status: 404, body: { code: 'UNKNOWN_MODEL', detail: 'No model demo-part@1.' } });
  await expect(judge([planned('0', 'rgb')])).rejects.toThrow('No model demo-part@1.');
});

it('says which address does not answer', async () => {
  server.close();
  await once(server, 'close');
  await expect(judge([planned('0', 'rgb')])).rejects.toThrow(`No answer from ${url}: ECONNREFUSED.`);
});
