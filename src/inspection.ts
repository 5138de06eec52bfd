// The inspection: what is answered to the line, stored, and read by MES. A leaf, like errors.
import { z } from 'zod';

export const verdict = z.enum(['OK', 'REVIEW', 'NG', 'NOT_DECIDABLE']);
export type Verdict = z.infer<typeof verdict>;

const unit = z.number().min(0).max(1);

/** How long an answer is worth waiting for, counted from the request. */
export const deadlineMs = z.int().min(1).max(600_000);

export const region = z.object({
  /** x, y, width, height in pixels of the frame. */
  bbox: z.tuple([z.number(), z.number(), z.number(), z.number()]),
  areaPx: z.number(),
  peak: unit,
  mean: unit,
});

export const captureMetadata = z.strictObject({
  captureId: z.string().min(1).max(128).optional(),
  lineId: z.string().min(1).max(128).optional(),
  stationId: z.string().min(1).max(128).optional(),
  partId: z.string().min(1).max(128).optional(),
  productId: z.string().min(1).max(128).optional(),
  recipe: z.string().min(1).max(128).optional(),
  capturedAt: z.iso.datetime({ offset: true }).optional(),
  deadlineMs: deadlineMs.optional(),
  attributes: z
    .record(
      z.string().max(128),
      z.union(
        [z.string().max(1024), z.number(), z.boolean()],
        'must be a text of at most 1024 characters, a number, true or false',
      ),
    )
    .optional(),
  /** How integers become units, where the sensor differs from the bundle: value = raw * scale + offset. */
  modalities: z
    .record(
      z.string(),
      z.strictObject({
        scale: z.number().optional(),
        gain: z.number().optional(),
        offset: z.number().optional(),
      }),
    )
    .optional(),
});
export type CaptureMetadata = z.infer<typeof captureMetadata>;

export const inspectionSchema = z.object({
  inspectionId: z.string(),
  captureId: z.string(),
  lineId: z.string().nullable(),
  stationId: z.string().nullable(),
  partId: z.string().nullable(),
  productId: z.string().nullable(),
  recipe: z.string().nullable(),
  capturedAt: z.string().nullable(),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  state: z.literal('COMPLETED'),
  verdict,
  /** null where nothing could be judged (verdict NOT_DECIDABLE). */
  score: unit.nullable(),
  thresholds: z.object({ review: unit, reject: unit }).nullable(),
  model: z.object({ name: z.string(), version: z.int(), sha256: z.string() }),
  branch: z.string().nullable(),
  modalities: z.object({
    used: z.array(z.string()),
    missing: z.array(z.string()),
    dropped: z.array(z.object({ name: z.string(), reason: z.string(), detail: z.string() })),
    /** Arrived and were good, but no branch of the bundle takes them together with the rest. */
    unused: z.array(z.string()),
  }),
  evidence: z.record(z.string(), z.object({ score: z.number(), weight: z.number() })),
  validated: z.object({ branchAuroc: unit.nullable(), fullAuroc: unit.nullable() }),
  regions: z.array(region),
  heatmap: z
    .object({
      href: z.string(),
      frame: z.string(),
      scale: z.object({ min: z.literal(0), max: z.literal(1), threshold: unit }),
    })
    .nullable(),
  timings: z.object({
    decodeMs: z.number(),
    queueMs: z.number(),
    runMs: z.number(),
    totalMs: z.number(),
  }),
  receivedAt: z.string(),
  completedAt: z.string(),
  /** false where the store failed: the answer is right, but it cannot be looked up later. */
  stored: z.boolean(),
});
export type Inspection = z.infer<typeof inspectionSchema>;
