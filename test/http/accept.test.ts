import { describe, expect, it } from '@jest/globals';
import { negotiateFormat } from '../../src/http/accept.js';

describe('negotiateFormat', () => {
  it.each([
    [undefined, 'png'],
    ['', 'png'],
    ['*/*', 'png'],
    ['text/html,image/avif,image/*;q=0.8,*/*;q=0.5', 'png'],
    ['image/png', 'png'],
    ['image/png;depth=16', 'png16'],
    ['image/png; depth=16; q=0.9, */*;q=0.1', 'png16'],
    ['application/x-npy', 'npy'],
    ['image/png;q=0.5, application/x-npy', 'npy'],
    ['application/x-npy;q=0, image/png', 'png'],
    ['APPLICATION/X-NPY', 'npy'],
    ['application/*', 'npy'],
    ['image/png;q=0, */*', 'npy'],
    ['*/*, application/x-npy', 'npy'],
    ['*/*;q=0.9, image/png;depth=16', 'png16'],
  ])('%s → %s', (accept, format) => {
    expect(negotiateFormat(accept)).toBe(format);
  });

  it.each(['image/webp', 'application/x-npy;q=0', 'image/*, image/png;q=0'])(
    'refuses %s, naming what can be had',
    (accept) => {
      expect(() => negotiateFormat(accept)).toThrow(
        expect.objectContaining({
          code: 'NOT_ACCEPTABLE',
          message: expect.stringContaining('image/png;depth=16'),
        }),
      );
    },
  );
});
