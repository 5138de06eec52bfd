// JSON as a body and as metadata, and addresses: nested, huge, of the wrong type, or no text at all.
import { afterAll, beforeAll, it } from '@jest/globals';
import fc from 'fast-check';
import { multipartBody } from '../support/socket.js';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';
import { damaged, framing, post, Request } from './requests.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let good: GoldenCapture;
beforeAll(async () => {
  target = await startTarget();
  good = await goldenCapture(1);
});
afterAll(() => target.stop());

const number = fc.constantFrom(
  '1e400',
  '-1e400',
  '1e308',
  '5e-324',
  '-0',
  '0',
  '1e11',
  '-1e11',
  `1${'0'.repeat(5000)}`,
  '1.5',
);
const text = fc.constantFrom(
  '""',
  '"L1"',
  '"\\ud800"',
  '"\\u0000"',
  `"${'x'.repeat(200)}"`,
  '"é"',
  '"__proto__"',
  '" "',
);
const deep = fc
  .constantFrom(10, 1000, 100_000)
  .chain((levels) =>
    fc.constantFrom(
      `${'['.repeat(levels)}${']'.repeat(levels)}`,
      '['.repeat(levels),
      `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`,
    ),
  );
const anyValue = fc.oneof(
  number,
  text,
  deep,
  fc.json(),
  fc.constantFrom('null', 'true', '[]', '{}', 'NaN', '', "'"),
);

const key = fc.constantFrom(
  ...[
    'captureId',
    'lineId',
    'recipe',
    'capturedAt',
    'attributes',
    'modalities',
    '__proto__',
    'constructor',
    'x',
  ],
);
const calibration = fc
  .record({ scale: number, offset: number })
  .map(({ scale, offset }) => `{"depth":{"scale":${scale},"offset":${offset}}}`);
const attributes = fc
  .array(fc.tuple(fc.oneof(text, fc.constantFrom('"__proto__"', '"toString"')), fc.oneof(number, text)), {
    maxLength: 5,
  })
  .map((entries) => `{${entries.map(([name, value]) => `${name}:${value}`).join(',')}}`);
const metadata = fc.oneof(
  fc
    .array(fc.tuple(key, anyValue), { maxLength: 4 })
    .map((entries) => `{${entries.map(([name, value]) => `"${name}":${value}`).join(',')}}`),
  calibration.map((modalities) => `{"modalities":${modalities}}`),
  attributes.map((entries) => `{"attributes":${entries}}`),
  text.map((captureId) => `{"captureId":${captureId},"lineId":${captureId}}`),
  anyValue,
);

const base64 = fc.oneof(
  fc.constantFrom('rgb', 'depth', 'acoustic').map((name) => `"${good.parts[name]?.toString('base64')}"`),
  fc.constantFrom(
    '"*"',
    '"A"',
    '"AAAA"',
    '"===="',
    `"${'A'.repeat(1_000_000)}"`,
    `"${'A'.repeat(1_000_001)}"`,
  ),
  anyValue,
);
const modalities = fc.oneof(
  fc
    .array(fc.tuple(fc.constantFrom('rgb', 'depth', 'acoustic', 'sonar', '__proto__', ''), base64), {
      maxLength: 4,
    })
    .map((entries) => `{${entries.map(([name, value]) => `"${name}":${value}`).join(',')}}`),
  anyValue,
);

it('is answered for every JSON body', async () => {
  const body = fc.oneof(
    fc
      .record({ metadata, modalities })
      .map((it) => `{"metadata":${it.metadata},"modalities":${it.modalities}}`),
    modalities.map((value) => `{"modalities":${value}}`),
    anyValue,
  );
  const type = fc.constantFrom(
    'application/json',
    'application/json; charset=utf-16',
    'text/json',
    '',
    'application/',
  );
  const requests = fc.record({ body, type, how: framing }).chain(({ body: json, type: contentType, how }) => {
    const bytes = Buffer.from(json);
    return fc.oneof(fc.constant(bytes), damaged(bytes)).map((sent) => post(contentType, sent, how));
  });
  await target.fuzz(requests, 50);
  await target.expectUnharmed();
});

it('is answered for every metadata of a good capture', async () => {
  const requests = metadata.map((json) =>
    post(
      'multipart/form-data; boundary=b',
      multipartBody('b', [...Object.entries(good.parts), ['metadata', Buffer.from(json)]]),
    ),
  );
  await target.fuzz(requests, 50);
  await target.expectUnharmed();
});

it('is answered for every address', async () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '%00',
      '%',
      '%ff',
      '%2e%2e',
      '..',
      '__proto__',
      '',
      'x'.repeat(129),
      'y'.repeat(3000),
      'rgb',
      '1',
      '-1',
    ),
    fc.string({ maxLength: 20 }).map(encodeURIComponent),
  );
  const names = [
    'after',
    'limit',
    'wait',
    'lineId',
    'verdict',
    'modality',
    'metadata',
    'model',
    'deadlineMs',
    'format',
    'x',
  ];
  const query = fc
    .array(fc.tuple(fc.constantFrom(...names), piece), { maxLength: 3 })
    .map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join('&'));
  const address = fc.record({ piece, query, which: fc.nat(3) }).map(({ piece: id, query: asked, which }) => {
    const path = ['/v1/inspections', `/v1/inspections/${id}`, `/v1/inspections/${id}/heatmap`, `/${id}`][
      which
    ];
    return `${path}?${asked}`;
  });
  const method = fc.constantFrom('GET', 'GET', 'DELETE', 'PUT', 'OPTIONS');
  const gets = fc
    .record({ method, address })
    .map(
      ({ method: verb, address: path }) =>
        new Request(
          Buffer.from(`${verb} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1'),
        ),
    );
  const posts = query.map((asked) =>
    post('image/png', good.parts.rgb ?? Buffer.alloc(0), 'length', `?${asked}`),
  );
  await target.fuzz(fc.oneof(gets, posts), 50);
  await target.expectUnharmed();
});
