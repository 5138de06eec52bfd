// The budget by example and by property: never over its limit, and everything given back.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteBudget, type Claim } from '../../src/http/byte-budget.js';

const MIB = 1024 * 1024;

function budgetOf(limitBytes: number, perCaptureBytes = 0) {
  const held: number[] = [];
  const refused: string[] = [];
  const budget = new ByteBudget({
    limitBytes,
    perCaptureBytes,
    onHeld: (bytes) => held.push(bytes),
    onRefused: (reason) => refused.push(reason),
  });
  return { budget, held, refused };
}

const thrownBy = (act: () => unknown): unknown => {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
};

describe('ByteBudget', () => {
  it('takes a capture’s body and its tensors, and gives them back once', () => {
    const { budget, held } = budgetOf(100, 7);
    const claim = budget.claim(20, 1);
    expect(budget.heldBytes).toBe(27);
    claim.release();
    claim.release();
    expect([budget.heldBytes, held]).toEqual([0, [27, 0, 0]]);
  });

  it('refuses what would not fit, says how full it is, and takes nothing for it', () => {
    const { budget, refused } = budgetOf(10 * MIB, MIB);
    budget.claim(5 * MIB, 1);
    expect(thrownBy(() => budget.claim(4 * MIB, 1))).toMatchObject({
      code: 'OVERLOADED',
      retryAfterSeconds: 1,
      message:
        'Captures in flight hold 6.0 of 10.0 MiB (IN_FLIGHT_BYTES), this one needs 5.0 more; send it again later.',
    });
    expect([budget.heldBytes, refused]).toEqual([6 * MIB, ['announced']]);
    budget.claim(3 * MIB, 1);
    expect(budget.heldBytes).toBe(10 * MIB);
  });

  it('counts a body as often as it is held, also what comes beyond its announced length', () => {
    const { budget, refused } = budgetOf(100);
    const claim = budget.claim(10, 3);
    claim.growBody(20);
    expect(budget.heldBytes).toBe(90);
    expect(thrownBy(() => claim.growBody(4))).toMatchObject({ code: 'OVERLOADED' });
    expect([budget.heldBytes, refused]).toEqual([90, ['body']]);
    claim.release();
    expect(budget.heldBytes).toBe(0);
  });

  it('holds pixels only while they are decoded', () => {
    const { budget } = budgetOf(100);
    const claim = budget.claim(10, 1);
    const givePixelsBack = claim.reservePixels(50, 'rgb');
    expect(budget.heldBytes).toBe(60);
    givePixelsBack();
    expect(budget.heldBytes).toBe(10);
  });

  it('tells pixels that have no room now from pixels that never will', () => {
    const { budget, refused } = budgetOf(100);
    budget.claim(50, 1);
    const claim = budget.claim(10, 1);
    expect(thrownBy(() => claim.reservePixels(60, 'rgb'))).toMatchObject({ code: 'OVERLOADED' });
    expect(thrownBy(() => claim.reservePixels(91, 'rgb'))).toMatchObject({
      code: 'PART_TOO_LARGE',
      part: 'rgb',
      message: expect.stringMatching(/^Part "rgb" needs .*IN_FLIGHT_BYTES/),
    });
    expect([budget.heldBytes, refused]).toEqual([60, ['pixels', 'pixels']]);
  });

  it('is never over its limit nor below nothing, and empty once all are answered', () => {
    const step = fc.record({
      verb: fc.constantFrom('claim', 'grow', 'pixels', 'decoded', 'release'),
      who: fc.nat(9),
      bytes: fc.nat(600),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { budget, held } = budgetOf(1000, 5);
        const claims: Claim[] = [];
        const decoded: (() => void)[] = [];
        // Refusals are part of the game.
        for (const { verb, who, bytes } of steps)
          thrownBy(() => {
            if (verb === 'claim') claims.push(budget.claim(bytes, 1 + (who % 3)));
            if (verb === 'grow') claims[who]?.growBody(bytes);
            if (verb === 'pixels' && claims[who]) decoded.push(claims[who].reservePixels(bytes, 'rgb'));
            if (verb === 'decoded') decoded.shift()?.();
            if (verb === 'release' && decoded.length === 0) claims[who]?.release();
          });
        for (const giveBack of decoded) giveBack();
        for (const claim of claims) claim.release();
        expect(Math.max(0, ...held)).toBeLessThanOrEqual(1000);
        expect(Math.min(0, ...held)).toBe(0);
        expect(budget.heldBytes).toBe(0);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});
