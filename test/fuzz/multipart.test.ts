// Multipart framing that no library writes.
import { afterAll, beforeAll, it } from '@jest/globals';
import fc from 'fast-check';
import { type GoldenCapture, goldenCapture } from '../support/tiny-bundle.js';
import { damaged, framing, post } from './requests.js';
import { startTarget, type Target } from './target.js';

let target: Target;
let good: GoldenCapture;
beforeAll(async () => {
  target = await startTarget();
  good = await goldenCapture(1);
});
afterAll(() => target.stop());

const BOUNDARY = 'line-boundary';

const boundary = fc.constantFrom(BOUNDARY, 'b', '-', '--', "'()+_,-./:=?", 'x'.repeat(70), 'y'.repeat(5000));
const name = fc.constantFrom(
  ...[
    'rgb',
    'depth',
    'acoustic',
    'metadata',
    'sonar',
    '',
    '__proto__',
    'constructor',
    'rgb\\',
    'r"gb',
    'r;gb',
  ],
  ...['r\r\ngb', 'rgb\0', 'é', 'n'.repeat(100_000)],
);
const disposition = fc
  .tuple(name, fc.constantFrom('; filename="a"', '', '; filename=', '; filename="', "; filename*=x''%zz"))
  .map(([field, file]) => `Content-Disposition: form-data; name="${field}"${file}`);
const partHead = fc.oneof(
  { weight: 6, arbitrary: disposition },
  fc.constantFrom(
    '',
    'no colon here',
    ': no name',
    'Content-Disposition: attachment; name="rgb"',
    'Content-Disposition: form-data',
    'Content-Disposition: form-data; name="rgb"\r\n folded\r\n\tagain',
    'Content-Disposition: form-data; name="rgb"\r\nContent-Type: multipart/mixed; boundary=b',
    'Content-Disposition: form-data; name="rgb"\r\nContent-Type: text/plain; charset=utf-99',
    'Content-Disposition: form-data; name="rgb"\r\nContent-Transfer-Encoding: base64',
    `Content-Disposition: form-data; name="rgb"\r\n${'X: y\r\n'.repeat(5000)}Z: z`,
    `X-Long: ${'z'.repeat(200_000)}`,
  ),
);

const partBody = fc.oneof(
  fc.constantFrom('rgb', 'depth', 'acoustic').map((modality) => good.parts[modality] ?? Buffer.alloc(0)),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      '',
      '{}',
      '{"lineId":"L1"}',
      '\r\n',
      '\r\n--',
      `\r\n--${BOUNDARY}`,
      `\r\n--${BOUNDARY}--\r\n`,
      `--b\r\nContent-Disposition: form-data; name="rgb"\r\n\r\nx\r\n--b--\r\n`,
      'm'.repeat(70_000),
    )
    .map((text) => Buffer.from(text)),
);

const body = fc
  .record({
    delimiter: boundary,
    parts: fc.array(fc.tuple(partHead, partBody), { maxLength: 6 }),
    preamble: fc.constantFrom('', '', 'This is a message with multiple parts.\r\n', '\r\n\r\n'),
    end: fc.constantFrom('--\r\n', '--\r\n', '--', '', '\r\n', '--\r\nepilogue\r\n--b\r\n'),
    lineEnd: fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r'),
  })
  .map(({ delimiter, parts, preamble, end, lineEnd }) => ({
    delimiter,
    bytes: Buffer.concat([
      Buffer.from(preamble),
      ...parts.flatMap(([head, content]) => [
        Buffer.from(`--${delimiter}${lineEnd}${head}${lineEnd}${lineEnd}`),
        content,
        Buffer.from(lineEnd),
      ]),
      Buffer.from(`--${delimiter}${end}`),
    ]),
  }));

const contentType = (delimiter: string) =>
  fc.constantFrom(
    `multipart/form-data; boundary="${delimiter}"`,
    `multipart/form-data; boundary=${delimiter}`,
    `multipart/form-data; boundary=${BOUNDARY}`,
    'multipart/form-data',
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    `multipart/form-data; charset=utf-8; boundary=${delimiter}; boundary=other`,
    `Multipart/Form-Data;boundary=${delimiter}`,
    `multipart/mixed; boundary=${delimiter}`,
  );

it('is answered, whatever its parts, names, headers, boundaries and lengths are', async () => {
  const requests = body.chain(({ delimiter, bytes }) =>
    fc.record({
      type: contentType(delimiter),
      content: fc.oneof(fc.constant(bytes), damaged(bytes)),
      how: framing,
    }),
  );
  await target.fuzz(
    requests.map(({ type, content, how }) => post(type, content, how)),
    60,
  );
  await target.expectUnharmed();
});

it('is refused with 10,000 parts, and with as many levels of multipart in multipart', async () => {
  const parts = Array.from(
    { length: 10_000 },
    (_, number) => `--b\r\nContent-Disposition: form-data; name="m${number}"; filename="a"\r\n\r\nx\r\n`,
  );
  const nested = Array.from(
    { length: 10_000 },
    (_, level) => `--b${level}\r\nContent-Type: multipart/mixed; boundary=b${level + 1}\r\n\r\n`,
  );
  const requests = fc.constantFrom(
    post('multipart/form-data; boundary=b', Buffer.from(`${parts.join('')}--b--\r\n`)),
    post('multipart/form-data; boundary=b0', Buffer.from(nested.join(''))),
    post('multipart/form-data; boundary=b', Buffer.from('--b\r\n'.repeat(100_000))),
    // In one piece these took the parser's heap to its end, and the process with it.
    post('multipart/form-data; boundary=b', Buffer.from('\r\n--b'.repeat(400_000))),
    post('multipart/form-data; boundary=b', Buffer.from('--b\r\n\r\n'.repeat(200_000))),
  );
  await target.fuzz(requests, 5);
  await target.expectUnharmed();
});
