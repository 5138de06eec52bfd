// How far the load generator reads an answer: to its end and no further, however it comes in pieces.
import { describe, expect, it } from '@jest/globals';
import { AnswerReader } from '../../bench/load/answer-reader.js';

function read(...pieces: readonly string[]): AnswerReader {
  const answer = new AnswerReader();
  for (const piece of pieces) answer.read(piece);
  return answer;
}

const answerOf = (head: readonly string[], body = '') => `${head.join('\r\n')}\r\n\r\n${body}`;
const REFUSED = '{"code":"OVERLOADED"}';
const WITH_LENGTH = answerOf(['HTTP/1.1 503 Service Unavailable', 'content-length: 21'], REFUSED);
const CHUNKED = answerOf(
  ['HTTP/1.1 503 Service Unavailable', 'Transfer-Encoding: chunked'],
  'a;what=ever\r\n{"code":"O\r\nB\r\nVERLOADED"}\r\n0\r\nchecksum: 1\r\n\r\n',
);

describe('an answer', () => {
  it.each([
    ['with a length', WITH_LENGTH],
    ['in chunks', CHUNKED],
  ])('%s is whole at its last byte, wherever it is split', (_, bytes) => {
    for (let at = 1; at < bytes.length; at++) {
      const answer = read(bytes.slice(0, at));
      expect(answer.whole).toBe(false);
      answer.read(bytes.slice(at));
      expect(answer).toMatchObject({ whole: true, reusable: true, status: 503, refusalText: REFUSED });
    }
    expect(read(...bytes)).toMatchObject({ whole: true, reusable: true, status: 503, refusalText: REFUSED });
  });

  it('is not kept where it is good', () => {
    const answer = read(answerOf(['HTTP/1.1 200 OK', 'Content-Length: 12'], '{"score":.5}'));
    expect(answer).toMatchObject({ whole: true, status: 200, refusalText: '' });
  });

  it.each([
    ['an empty body', ['HTTP/1.1 429 Too Many Requests', 'content-length: 0']],
    ['no body by its status', ['HTTP/1.1 204 No Content']],
    ['the same with a length that says nothing', ['HTTP/1.1 304 Not Modified', 'content-length: 12']],
  ])('is whole after its head with %s', (_, head) => {
    expect(read(answerOf(head))).toMatchObject({ whole: true, reusable: true });
  });

  it('comes after those that only say to go on', () => {
    const answer = read(answerOf(['HTTP/1.1 100 Continue']), WITH_LENGTH);
    expect(answer).toMatchObject({ whole: true, status: 503, refusalText: REFUSED });
  });

  it('without a length is whole when the server closes, and cut short with one', () => {
    const open = read(answerOf(['HTTP/1.1 502 Bad Gateway'], 'upstream'));
    expect(open.whole).toBe(false);
    open.end();
    expect(open).toMatchObject({ whole: true, reusable: false, refusalText: 'upstream' });
    const short = read(WITH_LENGTH.slice(0, -1));
    short.end();
    expect(short.whole).toBe(false);
  });

  it.each([
    [
      'the server says that it closes',
      answerOf(['HTTP/1.1 200 OK', 'Content-Length: 0', 'Connection: close']),
    ],
    ['the server is of the first kind', answerOf(['HTTP/1.0 200 OK', 'Content-Length: 0'])],
    ['more came than belongs to it', `${WITH_LENGTH}HTTP/1.1 200 OK`],
  ])('is the last of its connection where %s', (_, bytes) => {
    expect(read(bytes)).toMatchObject({ whole: true, reusable: false });
  });

  it.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
    ['a chunk without a size', answerOf(['HTTP/1.1 200 OK', 'transfer-encoding: chunked'], 'size\r\n')],
    ['a head without an end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}`],
  ])('is malformed with %s', (_, bytes) => {
    expect(read(bytes)).toMatchObject({ malformed: true, whole: false });
  });

  it('has begun with its first byte', () => {
    expect(new AnswerReader().begun).toBe(false);
    expect(read('H').begun).toBe(true);
  });
});
