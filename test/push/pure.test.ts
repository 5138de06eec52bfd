// When a delivery is tried again, what is signed, where it may go: the pure parts.
import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { pauseMs, retryAfterMs } from '../../src/push/backoff.js';
import { eventOf } from '../../src/push/event.js';
import { LineStates } from '../../src/push/line-states.js';
import { signature } from '../../src/push/signature.js';
import { isPrivate, type Resolve, Targets } from '../../src/push/target.js';
import { inspectionsTopic, stateTopic } from '../../src/push/topics.js';
import { anInspection } from '../store/samples.js';

describe('pauses', () => {
  it('double up to a quarter of an hour, each between half and the whole', () => {
    expect([1, 2, 3, 11, 40].map((attempts) => pauseMs(attempts, 1))).toEqual([1e3, 2e3, 4e3, 9e5, 9e5]);
    expect([1, 2, 3, 11, 40].map((attempts) => pauseMs(attempts, 0))).toEqual([500, 1e3, 2e3, 45e4, 45e4]);
  });

  it('are as long as the receiver asks, within an hour, and never shorter than our own', () => {
    expect(pauseMs(1, 0, 120_000)).toBe(120_000);
    expect(pauseMs(5, 0, 0)).toBe(8000);
    expect(pauseMs(1, 0, 1e12)).toBe(3_600_000);
  });

  const nowMs = Date.parse('2025-01-01T00:00:00Z');
  it.each([
    ['120', 120_000],
    [' 0 ', 0],
    ['Wed, 01 Jan 2025 00:01:00 GMT', 60_000],
    ['Tue, 31 Dec 2024 00:00:00 GMT', 0],
    ['soon', undefined],
    [undefined, undefined],
  ])('read Retry-After: %p', (header, expected) => {
    expect(retryAfterMs(header, nowMs)).toBe(expected);
  });
});

describe('signature', () => {
  it('is the HMAC of id, time and body, under text or base64 keys', () => {
    const expected = (key: Buffer) =>
      `v1,${createHmac('sha256', key).update('i.1.1700000000.{"a":1}').digest('base64')}`;
    expect(signature('a plain secret text', 'i.1', 1700000000, '{"a":1}')).toBe(
      expected(Buffer.from('a plain secret text')),
    );
    expect(signature('whsec_c2VjcmV0c2VjcmV0c2VjcmV0', 'i.1', 1700000000, '{"a":1}')).toBe(
      expected(Buffer.from('secretsecretsecret')),
    );
  });

  it('agrees with the example of the Standard Webhooks specification', () => {
    const body = '{"test": 2432232314}';
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    expect(signature(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, body)).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });
});

describe('addresses inside the network', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'fe80::1%eth0',
    'fd00::1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    'ff02::1',
  ])('%s is one', (address) => expect(isPrivate(address)).toBe(true));

  it.each(['8.8.8.8', '172.32.0.1', '192.167.0.1', '2606:4700::1111', '2a00:1450::1'])(
    '%s is none',
    (address) => expect(isPrivate(address)).toBe(false),
  );
});

describe('targets', () => {
  const resolvesTo =
    (...addresses: string[]): Resolve =>
    (_hostname, _options, callback) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  const targets = (allow: string[], resolve = resolvesTo('8.8.8.8'), allowPrivate = false) =>
    new Targets({ allow, allowPrivate, resolve });

  it.each([
    [['mes.example'], 'https://mes.example:8443/hook'],
    [['MES.example:8443'], 'https://mes.example:8443/hook'],
    [['https://mes.example'], 'https://mes.example/hook'],
    [['other.example', 'http://mes.example:80'], 'http://mes.example/hook'],
  ])('%j allows %s', async (allow, url) => {
    await expect(targets(allow).assertAllowed(new URL(url))).resolves.toBeUndefined();
  });

  it.each([
    [['mes.example'], 'https://mes.example.evil/hook'],
    [['mes.example:8443'], 'https://mes.example/hook'],
    [['https://mes.example'], 'http://mes.example/hook'],
    [['https://mes.example'], 'https://mes.example:8443/hook'],
  ])('%j refuses %s, by name', async (allow, url) => {
    await expect(targets(allow).assertAllowed(new URL(url))).rejects.toMatchObject({
      code: 'WEBHOOK_TARGET_REFUSED',
      message: expect.stringContaining(`${new URL(url).origin} is not in WEBHOOK_ALLOW`),
    });
  });

  it('says that they are off where nothing is allowed', async () => {
    await expect(targets([]).assertAllowed(new URL('https://a.example'))).rejects.toMatchObject({
      code: 'WEBHOOKS_OFF',
    });
  });

  it.each([
    ['http://127.0.0.1/', '127.0.0.1'],
    ['http://0x7f.1/', '127.0.0.1'],
    ['http://2130706433/', '127.0.0.1'],
    ['http://[::1]/', '[::1]'],
    ['http://[::ffff:169.254.169.254]/', '[::ffff:a9fe:a9fe]'],
  ])('refuses %s however it is written', async (url, host) => {
    await expect(targets([host]).assertAllowed(new URL(url))).rejects.toMatchObject({
      code: 'WEBHOOK_TARGET_REFUSED',
      message: expect.stringContaining('WEBHOOK_ALLOW_PRIVATE'),
    });
    await expect(targets([host], undefined, true).assertAllowed(new URL(url))).resolves.toBeUndefined();
  });

  it('refuses a name of which one address is inside', async () => {
    const mixed = targets(['mes.example'], resolvesTo('8.8.8.8', '10.0.0.5'));
    await expect(mixed.assertAllowed(new URL('https://mes.example'))).rejects.toThrow(
      'mes.example resolves to 10.0.0.5',
    );
  });

  it('takes a name that does not resolve yet', async () => {
    const nowhere: Resolve = (_hostname, _options, callback) => callback(new Error('ENOTFOUND'), []);
    await targets(['mes.example'], nowhere).assertAllowed(new URL('https://mes.example'));
  });
});

describe('topics', () => {
  it.each([
    ['line-4', 'branchline/v1/lines/line-4/inspections'],
    ['a/b', 'branchline/v1/lines/a%2Fb/inspections'],
    ['+', 'branchline/v1/lines/%2B/inspections'],
    ['#\u0000', 'branchline/v1/lines/%23%00/inspections'],
    ['-', 'branchline/v1/lines/%2D/inspections'],
    ['Süd 100%', 'branchline/v1/lines/S%C3%BCd%20100%25/inspections'],
    ['\ud800', 'branchline/v1/lines/%EF%BF%BD/inspections'],
    [null, 'branchline/v1/lines/-/inspections'],
  ])('of line %j: %s', (lineId, topic) => expect(inspectionsTopic(lineId)).toBe(topic));

  it('has the state beside them', () => expect(stateTopic('x')).toBe('branchline/v1/lines/x/state'));
});

describe('the state of a line', () => {
  const seen = (states: LineStates, changes: Parameters<typeof anInspection>[0]) =>
    states.see(eventOf(anInspection(changes)), 'now');

  it('counts first answers, and shows the last of all', () => {
    const states = new LineStates();
    seen(states, { verdict: 'OK' });
    seen(states, { verdict: 'NG' });
    seen(states, { lineId: 'other', verdict: 'OK' });
    const revised = { verdict: 'REVIEW', captureId: 'c', revision: 2 } as const;
    const state = seen(states, revised);
    expect(state.counts).toEqual({ OK: 1, REVIEW: 0, NG: 1, NOT_DECIDABLE: 0 });
    expect(state.last).toMatchObject({ captureId: 'c', verdict: 'REVIEW' });
  });

  it('forgets the line that was silent longest, beyond a thousand', () => {
    const states = new LineStates();
    for (let i = 0; i < 1001; i++) seen(states, { lineId: `l${i}`, verdict: 'OK' });
    expect(seen(states, { lineId: 'l1', verdict: 'OK' }).counts.OK).toBe(2);
    expect(seen(states, { lineId: 'l0', verdict: 'OK' }).counts.OK).toBe(1);
  });
});
