// One attempt, over real sockets: what is sent, what its answer means, and where it never goes.
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventOf } from '../../src/push/event.js';
import { createSender, type Outcome, type Sender } from '../../src/push/sender.js';
import { signature } from '../../src/push/signature.js';
import { type Resolve, Targets } from '../../src/push/target.js';
import { anInspection } from '../store/samples.js';
import { type Receiver, startReceiver } from '../support/receiver.js';
import { aWebhook } from './samples.js';

const NOW_MS = Date.parse('2025-01-01T00:00:00.500Z');
const never = () => new AbortController().signal;
const closers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const closer of closers.splice(0).reverse()) await closer.close();
});

async function receiver(...args: Parameters<typeof startReceiver>): Promise<Receiver> {
  const started = await startReceiver(...args);
  closers.push(started);
  return started;
}

function sender(allowPrivate = true, resolve?: Resolve, timeoutMs = 5000): Sender {
  const allow = ['127.0.0.1', 'mes.example'];
  const targets = new Targets({ allow, allowPrivate, ...(resolve && { resolve }) });
  const made = createSender({ targets, timeoutMs, nowMs: () => NOW_MS });
  closers.push(made);
  return made;
}

const event = eventOf(anInspection({ inspectionId: 'i', lineId: 'Süd "4"' }));
const deliver = (by: Sender, port: number, host = '127.0.0.1', signal = never()): Promise<Outcome> =>
  by.send(aWebhook({ url: `http://${host}:${port}/hook?x=1` }), event, signal);

describe('sender', () => {
  it('sends a CloudEvent in binary mode, with a signature over just these bytes', async () => {
    const { port, received } = await receiver();
    expect(await deliver(sender(), port)).toEqual({ kind: 'delivered' });
    const [{ path, headers, body } = { path: '', headers: {}, body: '' }] = received;
    expect(path).toBe('/hook?x=1');
    expect(JSON.parse(body)).toEqual(event.inspection);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': 'i.1',
      'ce-source': '/branchline',
      'ce-type': 'branchline.inspection.completed',
      'ce-subject': 'i',
      'ce-time': event.inspection.completedAt,
      'ce-verdict': 'NG',
      'ce-lineid': 'S%C3%BCd%20%224%22',
      'webhook-id': 'i.1',
      'webhook-timestamp': '1735689600',
      'webhook-signature': signature(aWebhook().secret, 'i.1', 1735689600, body),
    });
  });

  it.each([
    [200, {}, 'delivered', undefined],
    [410, {}, 'gone', 'answered 410 Gone'],
    [400, {}, 'failed', 'answered 400'],
    [503, { 'retry-after': '7' }, 'failed', 'answered 503'],
  ] as const)('takes %d for an answer', async (status, headers, kind, fault) => {
    const { port } = await receiver((response) => response.writeHead(status, headers).end('why'));
    const outcome = await deliver(sender(), port);
    expect(outcome.kind).toBe(kind);
    if ('fault' in outcome) expect(outcome.fault).toBe(`http://127.0.0.1:${port} ${fault}`);
    if ('retry-after' in headers) expect(outcome).toMatchObject({ retryAfterMs: 7000 });
  });

  it('follows no redirect', async () => {
    const elsewhere = await receiver();
    const location = `http://127.0.0.1:${elsewhere.port}/`;
    const { port } = await receiver((response) => response.writeHead(307, { location }).end());
    expect(await deliver(sender(), port)).toEqual({
      kind: 'failed',
      fault: `http://127.0.0.1:${port} answered 307 to ${location}: redirects are not followed; give the final address`,
    });
    expect(elsewhere.connections()).toBe(0);
  });

  it('says that nobody listens, and that no answer came', async () => {
    const { port, close } = await startReceiver();
    await close();
    expect(await deliver(sender(), port)).toMatchObject({ fault: expect.stringContaining('ECONNREFUSED') });
    const silent = await receiver(() => {});
    expect(await deliver(sender(true, undefined, 50), silent.port)).toEqual({
      kind: 'failed',
      fault: 'no answer within 50 ms',
    });
  });

  it('reads no more of an endless answer than it must', async () => {
    let writing = true;
    const { port } = await receiver((response) => {
      response.on('close', () => {
        writing = false;
      });
      const fill = () => {
        while (writing && response.write('x'.repeat(65536)));
      };
      response.writeHead(200).on('drain', fill);
      fill();
    });
    expect(await deliver(sender(), port)).toEqual({ kind: 'delivered' });
    while (writing) await new Promise(setImmediate);
  });

  it('connects to no private address, written or resolved', async () => {
    const { port, connections } = await receiver();
    const written = await deliver(sender(false), port);
    expect(written).toMatchObject({ fault: expect.stringMatching(/^127\.0\.0\.1 is an address inside/) });
    const toLoopback: Resolve = (_hostname, _options, callback) =>
      callback(null, [{ address: '127.0.0.1', family: 4 }]);
    const resolved = await deliver(sender(false, toLoopback), port, 'mes.example');
    expect(resolved).toMatchObject({ fault: expect.stringContaining('mes.example resolves to 127.0.0.1') });
    expect(connections()).toBe(0);
    expect(await deliver(sender(true, toLoopback), port, 'mes.example')).toEqual({ kind: 'delivered' });
  });

  it('is not fooled by a name that resolves to another address the second time', async () => {
    const { port, connections } = await receiver();
    let asked = 0;
    const rebinding: Resolve = (_hostname, _options, callback) => {
      asked += 1;
      callback(null, [{ address: asked === 1 ? '8.8.8.8' : '127.0.0.1', family: 4 }]);
    };
    const targets = new Targets({ allow: ['mes.example'], allowPrivate: false, resolve: rebinding });
    await targets.assertAllowed(new URL('http://mes.example'));
    const made = createSender({ targets, timeoutMs: 5000, nowMs: () => NOW_MS });
    closers.push(made);
    expect((await deliver(made, port, 'mes.example')).kind).toBe('failed');
    expect(asked).toBe(2);
    expect(connections()).toBe(0);
  });

  it('asks the allow-list again at each attempt', async () => {
    const { port, connections } = await receiver();
    expect(await deliver(sender(), port, 'localhost')).toMatchObject({
      fault: expect.stringContaining('is not in WEBHOOK_ALLOW'),
    });
    expect(connections()).toBe(0);
  });

  it('ends at once when it is told to', async () => {
    const stop = new AbortController();
    const { port } = await receiver(() => stop.abort());
    expect((await deliver(sender(), port, '127.0.0.1', stop.signal)).kind).toBe('failed');
  });
});
