// The bundle's manifest: the one contract between the trainer and the service.
import { z } from 'zod';

export const SCHEMA_VERSION = 1;

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'must be lower-case letters, digits, "_" or "-"');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');
/** A path inside the bundle: relative, no "..", no back-slash. */
const bundlePath = z
  .string()
  .regex(/^(?!\/)(?!.*(?:^|\/)\.\.(?:\/|$))[^\\]+$/, 'must be a relative path inside the bundle');
const size = z.int().positive().max(16384);

const modalityCommon = {
  name,
  /** The modalities that share this one's pixel frame; empty where none does. */
  registeredWith: z.array(name),
};

const imageModality = z.strictObject({
  ...modalityCommon,
  kind: z.literal('image'),
  width: size,
  height: size,
  channels: z.union([z.literal(1), z.literal(3)], 'must be 1 or 3'),
  bits: z.literal(8),
});

const rangeModality = z.strictObject({
  ...modalityCommon,
  kind: z.literal('range'),
  width: size,
  height: size,
  /** Unit of the decoded values, e.g. "mm" or "degC". */
  unit: z.string().min(1),
  /** What the training files held. Integer files: value = raw * scale + offset. Float files carry the unit itself. */
  encoding: z.enum(['uint16', 'float32']),
  scale: z.number().refine((value) => value !== 0, 'must not be 0'),
  offset: z.number(),
  /** Raw integer that means "no measurement"; null where every integer is one. */
  invalid: z.int().nullable(),
});

const audioModality = z.strictObject({
  ...modalityCommon,
  kind: z.literal('audio'),
  sampleRate: z.int().positive(),
  seconds: z.number().positive().max(60),
});

export const modalitySpec = z.discriminatedUnion('kind', [imageModality, rangeModality, audioModality]);

/** An axis is a number, or "N" for the batch. */
const tensorSpec = z.strictObject({
  name: z.string().min(1),
  dtype: z.enum(['uint8', 'float32']),
  shape: z.array(z.union([z.int().positive(), z.literal('N')], 'must be a positive integer or "N"')),
});

const onnxFile = {
  file: bundlePath,
  sha256,
  bytes: z.int().positive(),
  inputs: z.array(tensorSpec).min(1),
  outputs: z.array(tensorSpec).min(1),
};

const encoder = z.strictObject({
  modality: name,
  ...onnxFile,
  precision: z.enum(['fp32', 'fp16', 'int8']),
  parameters: z.int().nonnegative(),
});

const ratio = z.number().min(0).max(1);

const branch = z.strictObject({
  /** Sorted modality names joined by "+". */
  id: z.string().min(1),
  modalities: z.array(name).min(1),
  head: z.strictObject(onnxFile),
  /** The modality in whose pixel frame (or, for sound, time x frequency) the map lies. */
  frame: name,
  calibration: z.looseObject({
    n: z.int().positive(),
    method: z.string(),
    targetFalseCallRate: ratio,
    /** How many of the n good parts score below each `upTo`, and not below the one before. */
    scoreHistogram: z.strictObject({
      upTo: z.array(ratio).min(1).max(10),
      counts: z.array(z.int().positive()).min(1),
    }),
  }),
  thresholds: z.strictObject({ review: ratio, reject: ratio }),
  /** What the branch reached on the split named by `on`; null where the data had no labelled split. */
  metrics: z
    .strictObject({
      imageAuroc: ratio.nullable(),
      pixelAuroc: ratio.nullable(),
      aupro: ratio.nullable(),
      on: z.string(),
    })
    .nullable(),
});

const goldenFile = z.strictObject({ file: bundlePath, sha256 });

const golden = z.strictObject({
  /** Decoded encoder inputs, a .npy file a modality, all with the same first axis. */
  inputs: z.array(z.strictObject({ modality: name, ...goldenFile.shape })).min(1),
  /** What each branch answers to them: scores [N], and a .npy file with maps [N,h,w]. */
  expected: z
    .array(z.strictObject({ branch: z.string(), score: z.array(z.number()).min(1), map: goldenFile }))
    .min(1),
});

const manifestShape = z.strictObject({
  schemaVersion: z.literal(SCHEMA_VERSION),
  name,
  version: z.int().positive(),
  createdAt: z.iso.datetime(),
  licence: z.string(),
  trainer: z.strictObject({
    version: z.string(),
    seed: z.int(),
    config: z.record(z.string(), z.unknown()),
  }),
  data: z.strictObject({
    name: z.string(),
    counts: z.record(z.string(), z.int().nonnegative()),
    fingerprint: z.string(),
    findings: z.array(z.string()),
  }),
  modalities: z.array(modalitySpec).min(1),
  encoders: z.array(encoder).min(1),
  branches: z.array(branch).min(1),
  golden,
  evaluation: z.record(z.string(), z.unknown()).nullable(),
});

/** Sorted modality names joined by "+": the id of the branch that serves exactly these. */
export function branchId(modalities: Iterable<string>): string {
  return [...modalities].sort().join('+');
}

type ScoreHistogram = z.infer<typeof branch>['calibration']['scoreHistogram'];

function histogramFault({ upTo, counts }: ScoreHistogram, n: number): string | undefined {
  if (upTo.length !== counts.length) return 'must have as many counts as upTo';
  if (upTo.at(-1) !== 1 || upTo.some((edge, at) => edge <= (upTo[at - 1] ?? 0)))
    return 'upTo must rise, and end at 1';
  const parts = counts.reduce((total, count) => total + count, 0);
  return parts === n ? undefined : `counts ${parts} parts, and n is ${n}`;
}

export const manifestSchema = manifestShape.superRefine((manifest, context) => {
  const fail = (path: (string | number)[], message: string) =>
    context.addIssue({ code: 'custom', path, message });
  const names = manifest.modalities.map((modality) => modality.name);
  const known = new Set(names);
  if (known.size !== names.length) fail(['modalities'], 'names must be unique');
  for (const taken of ['fused', 'metadata'])
    if (known.has(taken))
      fail(['modalities'], `"${taken}" cannot name a modality: the API gives it another meaning`);

  manifest.modalities.forEach((modality, i) => {
    for (const other of modality.registeredWith)
      if (!known.has(other)) fail(['modalities', i, 'registeredWith'], `unknown modality "${other}"`);
  });
  const encoded = manifest.encoders.map((entry) => entry.modality);
  if (branchId(encoded) !== branchId(names)) fail(['encoders'], 'must hold exactly one encoder a modality');

  const ids = new Set<string>();
  manifest.branches.forEach((entry, i) => {
    if (ids.has(entry.id)) fail(['branches', i, 'id'], `"${entry.id}" stands twice`);
    ids.add(entry.id);
    if (entry.id !== branchId(entry.modalities) || entry.id !== entry.modalities.join('+'))
      fail(['branches', i, 'id'], 'must be its sorted modality names joined by "+"');
    for (const modality of entry.modalities)
      if (!known.has(modality)) fail(['branches', i, 'modalities'], `unknown modality "${modality}"`);
    if (!entry.modalities.includes(entry.frame))
      fail(['branches', i, 'frame'], `"${entry.frame}" is not a modality of the branch`);
    const { review, reject } = entry.thresholds;
    if (review > reject) fail(['branches', i, 'thresholds'], 'review must not exceed reject');
    const { n, scoreHistogram } = entry.calibration;
    const fault = histogramFault(scoreHistogram, n);
    if (fault !== undefined) fail(['branches', i, 'calibration', 'scoreHistogram'], fault);
    const available = new Set(
      manifest.encoders.flatMap(({ modality, outputs }) =>
        outputs.map((output) => `${modality}.${output.name}`),
      ),
    );
    for (const input of entry.head.inputs)
      if (!available.has(input.name))
        fail(['branches', i, 'head', 'inputs'], `"${input.name}" is no encoder's output`);
  });
  manifest.golden.expected.forEach((entry, i) => {
    if (!ids.has(entry.branch)) fail(['golden', 'expected', i, 'branch'], `unknown branch "${entry.branch}"`);
  });
});

export type Manifest = z.infer<typeof manifestSchema>;
export type ModalitySpec = z.infer<typeof modalitySpec>;
export type ImageSpec = z.infer<typeof imageModality>;
export type RangeSpec = z.infer<typeof rangeModality>;
export type AudioSpec = z.infer<typeof audioModality>;
export type BranchSpec = z.infer<typeof branch>;
export type EncoderSpec = z.infer<typeof encoder>;

/** Samples of one decoded sound: sampleRate × seconds, halves rounded to the even number as the trainer's Python does. */
export function sampleCount({ sampleRate, seconds }: AudioSpec): number {
  const exact = sampleRate * seconds;
  const floor = Math.floor(exact);
  return exact - floor === 0.5 ? floor + (floor % 2) : Math.round(exact);
}
