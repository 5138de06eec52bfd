// Reads the captures that come with a bundle, to show it on.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const samplesSchema = z.object({
  captures: z
    .array(
      z.object({
        id: z.string(),
        /** "good", or the kind of flaw. */
        label: z.string(),
        /** What is special about it. */
        note: z.string(),
        /** Modality → path below samples/. */
        files: z.record(z.string(), z.string()),
      }),
    )
    .min(1),
});

export interface SampleCapture {
  readonly id: string;
  readonly label: string;
  readonly note: string;
  /** Modality → path of its file. */
  readonly files: ReadonlyMap<string, string>;
}

/** Throws an Error of one line where the bundle has none, or their list is not right. */
export async function readSampleCaptures(bundle: string): Promise<SampleCapture[]> {
  const folder = join(bundle, 'samples');
  const list = join(folder, 'samples.json');
  const text = await readFile(list, 'utf8').catch((cause: unknown) => {
    throw new Error(`${list} cannot be read: the demo plays the captures it lists.`, { cause });
  });
  const parsed = samplesSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`${list} is not right: ${z.prettifyError(parsed.error)}`);
  return parsed.data.captures.map((capture) => ({
    ...capture,
    files: new Map(Object.entries(capture.files).map(([modality, file]) => [modality, join(folder, file)])),
  }));
}
