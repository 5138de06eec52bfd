// The audit log: its chain, its file after crashes, and what the service writes into it before it answers.
import { execFile } from 'node:child_process';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { auditRoutes } from '../../src/http/audit.js';
import type { Problem } from '../../src/http/problem.js';
import { createServer } from '../../src/http/server.js';
import { AuditLog, verifyChain } from '../../src/security/audit-log.js';
import { inspect } from '../support/client.js';
import { type RunningService, startService } from '../support/service.js';
import { goldenCapture } from '../support/tiny-bundle.js';
import { keyFileOf } from './keys.js';

const COMMAND = fileURLToPath(new URL('../../src/commands/audit.js', import.meta.url));

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'branchline-audit-'));
  path = join(folder, 'audit.jsonl');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const open = () => AuditLog.open({ path, now: () => new Date('2026-06-01T00:00:00Z') });
const linesOf = async () => (await readFile(path, 'utf8')).trimEnd().split('\n');
type Record = { action: string; [fact: string]: unknown };
const recordsOf = async () => (await linesOf()).map((line) => JSON.parse(line) as Record);

async function written(actions: readonly string[]): Promise<void> {
  const log = await open();
  await Promise.all(actions.map((action) => log.append({ action, note: 'a "quoted" text' })));
  await log.close();
}

describe('the chain', () => {
  it('goes on behind what an earlier run wrote', async () => {
    await written(['one', 'two']);
    await written(['three']);
    expect((await recordsOf()).map(({ seq, action }) => [seq, action])).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
    ]);
    expect(verifyChain(await readFile(path, 'utf8'))).toEqual({
      head: { seq: 3, hash: (await recordsOf())[2]?.hash },
    });
  });

  it.each<[string, (lines: string[]) => string[], RegExp]>([
    ['changed', (all) => all.map((line) => line.replace('two', 'six')), /^line 2: its text was changed/],
    ['taken out', (all) => all.toSpliced(1, 1), /^line 2: it is record 3 where 2 belongs/],
    ['moved', ([a = '', b = '', c = '']) => [a, c, b], /^line 2: it is record 3 where 2 belongs/],
    ['doubled', ([a = '', b = '', c = '']) => [a, b, b, c], /^line 3: it is record 2 where 3 belongs/],
    ['made unreadable', (all) => all.with(1, '{}'), /^line 2: it is no record/],
  ])('names the first record that was %s', async (_, change, fault) => {
    await written(['one', 'two', 'three']);
    const text = `${change(await linesOf()).join('\n')}\n`;
    expect(verifyChain(text).fault).toMatch(fault);
  });

  it('names the record behind one that was written anew with a hash that fits', async () => {
    await written(['one', 'two', 'three']);
    const original = await linesOf();
    await rm(path);
    await written(['one', 'six']);
    const forged = (await linesOf())[1] ?? '';
    expect(verifyChain(`${original.with(1, forged).join('\n')}\n`).fault).toMatch(
      /^line 3: it does not follow/,
    );
  });
});

describe('the file', () => {
  it('takes away a line that a crash cut off, and says so', async () => {
    await written(['one']);
    await appendFile(path, '{"seq":2,"at":"2026');
    await written(['two']);
    expect((await recordsOf()).map(({ action }) => action)).toEqual(['one', 'audit.cut', 'two']);
    expect(verifyChain(await readFile(path, 'utf8')).fault).toBeUndefined();
  });

  it('is not gone on with where its chain is broken', async () => {
    await written(['one', 'two']);
    await writeFile(path, (await readFile(path, 'utf8')).replace('one', 'six'));
    await expect(open()).rejects.toThrow(/^AUDIT_FILE: .* is broken at line 1: its text was changed/);
  });
});

describe('npm run audit -- verify', () => {
  const verify = (...args: string[]) =>
    new Promise<{ code: unknown; stdout: string }>((resolve) => {
      execFile(process.execPath, [COMMAND, 'verify', path, ...args], (error, stdout) =>
        resolve({ code: error?.code ?? 0, stdout }),
      );
    });

  it('says that a log is whole, or where it is not', async () => {
    await written(['one', 'two']);
    const [, second] = await recordsOf();
    expect(await verify()).toEqual({
      code: 0,
      stdout: `${path} is whole: 2 records, head ${second?.hash}\n`,
    });
    await writeFile(path, (await readFile(path, 'utf8')).replace('two', 'six'));
    expect(await verify()).toEqual({
      code: 1,
      stdout: expect.stringContaining('is broken at line 2: its text'),
    });
  });

  it('sees by a head that was noted that the end is missing', async () => {
    await written(['one', 'two']);
    const [first = '', second = ''] = await linesOf();
    const { hash } = JSON.parse(second) as { hash: string };
    expect((await verify('--head', hash)).code).toBe(0);
    await writeFile(path, `${first}\n`);
    expect((await verify()).code).toBe(0);
    expect((await verify('--head', hash)).code).toBe(1);
  });
});

describe('the service', () => {
  let service: RunningService;
  afterEach(() => service.close());
  const start = (env = {}) => startService({ AUDIT_FILE: path, ...env });
  const review = async (id: string) =>
    fetch(`${service.url}/v1/inspections/${id}/reviews`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ decision: 'CONFIRMED', by: 'anna' }),
    });

  it('writes down who asks for what before it is done, and what came of it before it is answered', async () => {
    service = await start({ WEBHOOK_ALLOW: 'mes.example' });
    const { inspectionId } = await inspect(service.url, (await goldenCapture(0)).parts);
    expect((await review(inspectionId)).status).toBe(200);
    const [started, asked, answered, ...rest] = await recordsOf();
    expect(started).toMatchObject({
      action: 'started',
      models: [{ key: 'tiny@1' }],
      recipes: [],
      keys: null,
    });
    const facts = { route: '/v1/inspections/:id/reviews', target: { id: inspectionId }, key: null };
    expect(asked).toMatchObject({ action: 'asked', ...facts });
    expect(answered).toMatchObject({
      action: 'answered',
      ...facts,
      status: 200,
      body: '{"decision":"CONFIRMED","by":"anna"}',
    });
    expect(rest).toEqual([]);
    expect(verifyChain(await readFile(path, 'utf8')).fault).toBeUndefined();
  });

  it('writes no secret of a webhook down', async () => {
    service = await start({ WEBHOOK_ALLOW: '127.0.0.1', WEBHOOK_ALLOW_PRIVATE: 'true' });
    const { status } = await fetch(`${service.url}/v1/webhooks/mes`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ url: 'http://127.0.0.1:9/', secret: 'correct-horse-battery' }),
    });
    expect(status).toBe(201);
    const text = await readFile(path, 'utf8');
    expect(text).toContain('/v1/webhooks/:id');
    expect(text).not.toContain('correct-horse');
  });

  it('writes refused keys down, and of a flood of them no more than one a second', async () => {
    const keys = await keyFileOf([{ id: 'mes', scopes: ['read'] }]);
    service = await start({ API_KEYS_FILE: keys.path });
    const ask = () => fetch(`${service.url}/v1/webhooks/x`, { method: 'DELETE', headers: keys.as('mes') });
    const begun = performance.now();
    for (let i = 0; i < 20; i++) expect((await ask()).status).toBe(403);
    const seconds = Math.ceil((performance.now() - begun) / 1000);
    const refused = (await recordsOf()).filter(({ action }) => action === 'refused');
    expect(refused[0]).toMatchObject({ key: 'mes', code: 'FORBIDDEN', route: '/v1/webhooks/:id' });
    expect((await recordsOf()).length).toBe(refused.length + 1);
    expect(refused.length).toBeLessThanOrEqual(seconds + 1);
    await keys.remove();
  });
});

it('does nothing that cannot be written down', async () => {
  const server = createServer(
    { bodyLimitBytes: 1, bodyStallMs: 1, defaultDeadlineMs: 1, eventsMaxClients: 1, logLevel: 'silent' },
    new AbortController().signal,
    () => {},
  );
  const full = () => Promise.reject(new Error('ENOSPC'));
  auditRoutes(server, { audit: { append: full }, monotonicMs: () => 0, onFailure: () => {} });
  const remove = jest.fn(async () => 'gone');
  const rule = { scopes: [], lines: 'none', audited: true } as const;
  server.delete('/thing', { config: { rule } }, remove);
  const { statusCode, body } = await server.inject({ method: 'DELETE', url: '/thing' });
  expect([statusCode, (JSON.parse(body) as Problem).code]).toEqual([503, 'AUDIT_UNAVAILABLE']);
  expect(remove).not.toHaveBeenCalled();
  await server.close();
});
