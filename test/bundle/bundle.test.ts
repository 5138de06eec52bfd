import { appendFile, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openBundle } from '../../src/bundle/bundle.js';
import { discoverBundles } from '../../src/bundle/discover.js';
import { keepsWeightsElsewhere, sha256Of } from '../../src/bundle/integrity.js';
import { copyTinyBundle, fixturesDir, openTinyBundle } from '../support/tiny-bundle.js';

let copy: Awaited<ReturnType<typeof copyTinyBundle>>;
beforeEach(async () => {
  copy = await copyTinyBundle();
});
afterEach(() => copy.remove());

/** Changes the copy's manifest as text. */
async function edit(search: string, replacement: string): Promise<void> {
  const path = join(copy.bundleDir, 'manifest.json');
  const text = await readFile(path, 'utf8');
  if (!text.includes(search)) throw new Error(`the manifest holds no ${search}`);
  await writeFile(path, text.replace(search, replacement));
}

describe('openBundle', () => {
  it('opens a bundle whose files are what the manifest says', async () => {
    const bundle = await openBundle(copy.bundleDir);
    expect(bundle.key).toBe('tiny@1');
    expect(bundle.sha256).toBe(sha256Of(await readFile(join(copy.bundleDir, 'manifest.json'))));
    expect(bundle.manifest.branches).toHaveLength(7);
  });

  it('opens a bundle whose encoders are in half precision', async () => {
    await edit('"fp32"', '"fp16"');
    const { manifest } = await openBundle(copy.bundleDir);
    expect(manifest.encoders.map(({ precision }) => precision)).toEqual(['fp16', 'fp32', 'fp32']);
  });

  it('names the file whose bytes changed', async () => {
    const path = join(copy.bundleDir, 'heads', 'rgb.onnx');
    const bytes = await readFile(path);
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(path, bytes);
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(
      /heads\/rgb\.onnx has sha256 .*copy the bundle again/,
    );
  });

  it('names the file whose size changed', async () => {
    await appendFile(join(copy.bundleDir, 'encoders', 'depth.onnx'), 'x');
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(
      /encoders\/depth\.onnx has 1509 bytes.*says 1508/,
    );
  });

  it.each(['encoders/rgb.onnx', 'golden/rgb.npy'])('names the missing %s', async (file) => {
    await rm(join(copy.bundleDir, file));
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(`${file} is missing`);
  });

  it('names the file that is a folder', async () => {
    await edit('"encoders/rgb.onnx"', '"encoders"');
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(/tiny\/1\/encoders cannot be read: EISDIR/);
  });

  it('refuses a modality whose name the API needs for itself', async () => {
    const path = join(copy.bundleDir, 'manifest.json');
    await writeFile(path, (await readFile(path, 'utf8')).replaceAll('acoustic', 'fused'));
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(/"fused" cannot name a modality/);
  });

  it.each([
    ['"channels": 3', '"channels": 2', 'modalities[2].channels must be 1 or 3'],
    ['"N",', '"M",', 'inputs[0].shape[0] must be a positive integer or "N"'],
    ['"fp32"', '"half"', 'encoders[0].precision'],
    ['"n": 200', '"n": 199', 'scoreHistogram counts 200 parts, and n is 199'],
    ['0.3685707141179626,', '', 'scoreHistogram must have as many counts as upTo'],
    ['0.4127796693651161,', '0.33,', 'scoreHistogram upTo must rise, and end at 1'],
    ['"scoreHistogram"', '"histogram"', 'branches[0].calibration.scoreHistogram'],
  ])('says what would be right instead of %s', async (right, wrong, message) => {
    await edit(right, wrong);
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(message);
  });

  it('follows no symbolic link, even to the right bytes', async () => {
    const path = join(copy.bundleDir, 'heads', 'rgb.onnx');
    await rename(path, `${path}.real`);
    await symlink(`${path}.real`, path);
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(/heads\/rgb\.onnx is a symbolic link/);
  });

  it('refuses a path that leaves the bundle', async () => {
    await edit('"encoders/rgb.onnx"', '"../rgb.onnx"');
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(/must be a relative path inside the bundle/);
  });

  it('says where the manifest is wrong, in one line', async () => {
    await edit('"schemaVersion": 1', '"schemaVersion": 2');
    const error = await openBundle(copy.bundleDir).catch((thrown: Error) => thrown);
    expect(String(error)).toMatch(/manifest\.json: schemaVersion/);
    expect(String(error)).not.toContain('\n');
  });

  it('says so where the manifest is no JSON, or not there', async () => {
    const path = join(copy.bundleDir, 'manifest.json');
    await writeFile(path, '{');
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(/manifest\.json is not JSON/);
    await rm(path);
    await expect(openBundle(copy.bundleDir)).rejects.toThrow(/manifest\.json cannot be read/);
  });

  it('refuses a bundle that lies in another version’s folder', async () => {
    const moved = join(copy.modelsDir, 'tiny', '2');
    await rename(copy.bundleDir, moved);
    await expect(openBundle(moved)).rejects.toThrow('must lie in tiny/1');
  });
});

describe('keepsWeightsElsewhere', () => {
  // TensorProto.external_data (field 13) = StringStringEntryProto { key: "location", value: "w.bin" }
  const entry = Buffer.from('\n\x08location\x12\x05w.bin', 'latin1');
  const external = Buffer.concat([Buffer.from([0x6a, entry.length]), entry]);

  it('sees a tensor whose values lie in another file', () => {
    expect(keepsWeightsElsewhere(Buffer.concat([Buffer.from('graph'), external, Buffer.from('end')]))).toBe(
      true,
    );
  });

  it('is not misled by the word "location" elsewhere', () => {
    expect(keepsWeightsElsewhere(Buffer.from('\x12\x08location \n\x08location of the part', 'latin1'))).toBe(
      false,
    );
  });

  it('finds none in the files of a good bundle', async () => {
    const { manifest, directory } = await openTinyBundle();
    for (const { file } of manifest.encoders)
      expect(keepsWeightsElsewhere(await readFile(join(directory, file)))).toBe(false);
  });
});

describe('discoverBundles', () => {
  it('finds the latest version of each, counting numbers as numbers', async () => {
    for (const version of ['2', '10', 'draft']) {
      const other = await copyTinyBundle();
      await rename(other.bundleDir, join(copy.modelsDir, 'tiny', version));
      await other.remove();
    }
    await expect(discoverBundles(copy.modelsDir, [])).resolves.toEqual([join(copy.modelsDir, 'tiny', '10')]);
    await expect(discoverBundles(copy.modelsDir, ['tiny@2'])).resolves.toEqual([
      join(copy.modelsDir, 'tiny', '2'),
    ]);
  });

  it('loads a bundle once that is named twice', async () => {
    const once = [join(copy.modelsDir, 'tiny', '1')];
    await expect(discoverBundles(copy.modelsDir, ['tiny', 'tiny@1'])).resolves.toEqual(once);
  });

  it('names what is not there and what is', async () => {
    await expect(discoverBundles(fixturesDir, ['huge'])).rejects.toThrow(
      /MODELS: no "huge" in .*there: .*tiny/,
    );
    await expect(discoverBundles(fixturesDir, ['tiny@7'])).rejects.toThrow(
      /no version 7 of "tiny".*there: 1/,
    );
    await mkdir(join(copy.modelsDir, 'empty'));
    await expect(discoverBundles(copy.modelsDir, ['empty'])).rejects.toThrow(
      /MODELS: "empty" in .* has no version/,
    );
    await expect(discoverBundles(join(fixturesDir, 'nowhere'), [])).rejects.toThrow(
      /MODELS_DIR: .*cannot be read/,
    );
  });
});
