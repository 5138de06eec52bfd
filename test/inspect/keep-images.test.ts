// Of which captures pictures are kept, and that nobody waits for it.
import { describe, expect, it } from '@jest/globals';
import type { ImageSpec } from '../../src/bundle/manifest.js';
import { createImageKeeper, type ImageKeeperOptions, keepsImages } from '../../src/inspect/keep-images.js';
import { keepCaptures } from '../../src/inspection.js';
import type { CaptureImages, Revision } from '../../src/store/store.js';
import { anInspection } from '../store/samples.js';

const frame: ImageSpec = {
  name: 'rgb',
  registeredWith: [],
  kind: 'image',
  width: 2,
  height: 1,
  channels: 1,
  bits: 8,
};
const seen = {
  parts: new Map([['rgb', Uint8Array.of(9, 9)]]),
  good: new Map([['rgb', { dtype: 'uint8', shape: [1, 2, 1], data: Uint8Array.of(1, 2) } as const]]),
  frame,
};

function keeper(changes: Partial<ImageKeeperOptions> = {}) {
  const heard: string[] = [];
  const kept: [Revision, CaptureImages, number][] = [];
  let answerLeft = () => {};
  const images = createImageKeeper({
    store: {
      keepImages: async (...call) => {
        kept.push(call);
        return { kept: true, evicted: 0 };
      },
    },
    limitBytes: 1000,
    hasRoom: async () => true,
    thumbnail: async () => {
      heard.push('drawn');
      return Uint8Array.of(5);
    },
    afterwards: (callBack) => {
      answerLeft = callBack;
    },
    onImages: (outcome, count) => heard.push(`${count} ${outcome}`),
    onFailure: (error) => heard.push(error.message),
    ...changes,
  });
  return { images, heard, kept, answerLeft: () => answerLeft() };
}

describe('which captures', () => {
  it.each([
    ['none', []],
    ['ng', ['NG']],
    ['review', ['REVIEW', 'NG', 'NOT_DECIDABLE']],
    ['all', ['OK', 'REVIEW', 'NG', 'NOT_DECIDABLE']],
  ] as const)('%s keeps %j', (captures, expected) => {
    const verdicts = ['OK', 'REVIEW', 'NG', 'NOT_DECIDABLE'] as const;
    expect(verdicts.filter((verdict) => keepsImages(verdict, captures))).toEqual(expected);
    expect(keepCaptures.options).toContain(captures);
  });
});

describe('keeping images', () => {
  it('draws nothing before the answer has left, and then keeps the picture, without the files', async () => {
    const { images, heard, kept, answerLeft } = keeper();
    images.keep(anInspection({ inspectionId: 'i-1' }), seen, { captures: 'ng', originals: false });
    for (let i = 0; i < 20; i++) await Promise.resolve();
    expect(heard).toEqual([]);
    answerLeft();
    await images.idle();
    expect(kept).toEqual([
      [{ inspectionId: 'i-1', revision: 1 }, { thumbnail: Uint8Array.of(5), originals: {} }, 1000],
    ]);
    expect(heard).toEqual(['drawn', '1 kept']);
  });

  it('draws nothing of what is not kept', async () => {
    const { images, heard } = keeper({ afterwards: setImmediate });
    images.keep(anInspection({ verdict: 'OK' }), seen, { captures: 'review', originals: true });
    await images.idle();
    expect(heard).toEqual([]);
  });

  it('keeps the files where asked to, also where nothing could be judged', async () => {
    const { images, kept } = keeper({ afterwards: setImmediate });
    const blank = { ...seen, good: new Map(), frame: undefined };
    const inspection = anInspection({ verdict: 'NOT_DECIDABLE' });
    images.keep(inspection, blank, { captures: 'review', originals: true });
    images.keep(inspection, blank, { captures: 'review', originals: false });
    await images.idle();
    expect(kept.map(([, { originals, thumbnail }]) => [originals, thumbnail])).toEqual([
      [{ rgb: Uint8Array.of(9, 9) }, undefined],
    ]);
  });

  it('leaves the room to records where the store is full, and draws nothing for it', async () => {
    const { images, heard } = keeper({ afterwards: setImmediate, hasRoom: async () => false });
    images.keep(anInspection(), seen, { captures: 'all', originals: true });
    await images.idle();
    expect(heard).toEqual(['1 no_room']);
  });

  it('says what made room, and what did not fit', async () => {
    const answers = [
      { kept: true, evicted: 3 },
      { kept: false, evicted: 0 },
    ];
    const store = { keepImages: async () => answers.shift() ?? { kept: true, evicted: 0 } };
    const { images, heard } = keeper({
      afterwards: setImmediate,
      store,
      thumbnail: async () => Uint8Array.of(5),
    });
    for (let n = 0; n < 2; n++) {
      images.keep(anInspection(), seen, { captures: 'all', originals: false });
      await images.idle();
    }
    expect(heard).toEqual(['1 kept', '3 evicted', '1 no_room']);
  });

  it('leaves pictures out where too much waits to be kept, and goes on once it is done', async () => {
    const { images, heard, kept, answerLeft } = keeper();
    const large = { ...seen, parts: new Map([['rgb', new Uint8Array(40 * 1024 * 1024)]]) };
    for (let n = 0; n < 2; n++) images.keep(anInspection(), large, { captures: 'all', originals: true });
    answerLeft();
    await images.idle();
    expect(heard).toEqual(['1 behind', 'drawn', '1 kept']);
    images.keep(anInspection(), large, { captures: 'all', originals: true });
    answerLeft();
    await images.idle();
    expect(kept).toHaveLength(2);
  });

  it('throws nothing where the store fails', async () => {
    const store = { keepImages: () => Promise.reject(new Error('disk full')) };
    const { images, heard } = keeper({ afterwards: setImmediate, store });
    images.keep(anInspection(), seen, { captures: 'all', originals: false });
    await images.idle();
    expect(heard).toEqual(['drawn', '1 failed', 'disk full']);
  });
});
