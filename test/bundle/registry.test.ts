import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Bundle } from '../../src/bundle/bundle.js';
import { ModelRegistry } from '../../src/bundle/registry.js';
import { openTinyBundle } from '../support/tiny-bundle.js';

let tiny: Bundle;
beforeAll(async () => {
  tiny = await openTinyBundle();
});

const named = (name: string, version: number): Bundle => ({
  ...tiny,
  key: `${name}@${version}`,
  manifest: { ...tiny.manifest, name, version },
});

describe('ModelRegistry', () => {
  it('gives the only model to a capture that names none', () => {
    expect(new ModelRegistry([tiny], undefined).resolve(undefined)).toBe(tiny);
  });

  it('asks for a name where several are loaded and none is the default', () => {
    const models = new ModelRegistry([named('a', 1), named('b', 1)], undefined);
    expect(() => models.resolve(undefined)).toThrow('name one with ?model=: a@1, b@1');
  });

  it('finds the latest loaded version by name, any by name@version', () => {
    const models = new ModelRegistry([named('a', 2), named('a', 10), named('b', 1)], 'a');
    expect(models.resolve('a').key).toBe('a@10');
    expect(models.resolve('a@2').key).toBe('a@2');
    expect(models.resolve(undefined).key).toBe('a@10');
  });

  it('names what is loaded where the model asked for is not', () => {
    expect(() => new ModelRegistry([tiny], undefined).resolve('huge')).toThrow(
      expect.objectContaining({
        code: 'UNKNOWN_MODEL',
        message: 'No model "huge" is loaded; loaded: tiny@1.',
      }),
    );
    expect(() => new ModelRegistry([tiny], 'huge')).toThrow('DEFAULT_MODEL: "huge" is not loaded');
  });
});
