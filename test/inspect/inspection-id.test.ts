// Ids of inspections: unique, and in the order of their making.
import { describe, expect, it } from '@jest/globals';
import { newInspectionId } from '../../src/inspect/inspection-id.js';

describe('newInspectionId', () => {
  it('is a UUID of version 7', () => {
    expect(newInspectionId(0x0123456789ab, new Uint8Array(16).fill(0xff))).toBe(
      '01234567-89ab-7fff-bfff-ffffffffffff',
    );
    expect(newInspectionId(Date.now())).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  it('sorts by the time it was made, and differs within one millisecond', () => {
    const ids = [1, 255, 256, 2 ** 40].map((ms) => newInspectionId(ms));
    expect([...ids].sort()).toEqual(ids);
    expect(newInspectionId(5)).not.toBe(newInspectionId(5));
  });
});
