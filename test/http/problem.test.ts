import { describe, expect, it } from '@jest/globals';
import { ServiceError } from '../../src/errors.js';
import { toProblem, toServiceError } from '../../src/http/problem.js';

describe('toProblem', () => {
  it('carries what RFC 9457 and Open Inference clients read', () => {
    const error = new ServiceError('PART_CORRUPT', { detail: 'It ends early.', part: 'rgb' });
    expect(toProblem(error)).toEqual({
      type: 'urn:branchline:problem:part-corrupt',
      title: 'A part cannot be decoded',
      status: 422,
      detail: 'It ends early.',
      code: 'PART_CORRUPT',
      error: 'It ends early.',
      part: 'rgb',
    });
  });
});

describe('toServiceError', () => {
  const thrown = (statusCode: number) => Object.assign(new Error('words of a plugin'), { statusCode });

  it.each([
    [400, 'BAD_REQUEST', 400],
    [404, 'NOT_FOUND', 404],
    [413, 'BODY_TOO_LARGE', 413],
    [414, 'BAD_REQUEST', 400],
    [415, 'UNSUPPORTED_MEDIA_TYPE', 415],
    [499, 'BAD_REQUEST', 400],
  ])('keeps a client’s mistake of status %s out of the 500s', (statusCode, code, status) => {
    expect(toServiceError(thrown(statusCode))).toMatchObject({ code, status });
  });

  it('says nothing of our insides, and keeps them for the log', () => {
    const bug = new TypeError('x is not a function');
    const error = toServiceError(bug);
    expect(error).toMatchObject({ code: 'INTERNAL', status: 500, cause: bug });
    expect(error.message).not.toContain('function');
  });
});
