// The inspection: what is answered to the line, stored, and read by MES. A leaf, like errors.
import { z } from 'zod';

export const verdict = z.enum(['OK', 'REVIEW', 'NG', 'NOT_DECIDABLE']);
export type Verdict = z.infer<typeof verdict>;

/** Of which captures pictures are kept. `review`: of all that were not OK; `ng`: of NG alone. */
export const keepCaptures = z.enum(['none', 'review', 'ng', 'all'], 'must be one of none, review, ng, all');
export type KeepCaptures = z.infer<typeof keepCaptures>;

const unit = z.number().min(0).max(1);

/** A name a client gives: it ends up in logs, paths and keys. */
export const identifier = z
  .string()
  .min(1)
  .max(128)
  .regex(/^\P{Cc}*$/u, 'must not contain control characters');

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
  captureId: identifier.optional(),
  lineId: identifier.optional(),
  stationId: identifier.optional(),
  partId: identifier.optional(),
  productId: identifier.optional(),
  recipe: identifier.optional(),
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

/** What a person says of an inspection. */
export const reviewDecision = z.enum(['CONFIRMED', 'FALSE_CALL', 'MISSED', 'REWORKED']);
export type ReviewDecision = z.infer<typeof reviewDecision>;

export const review = z.object({
  decision: reviewDecision,
  by: z.string(),
  note: z.string().nullable(),
  at: z.string(),
});
export type Review = z.infer<typeof review>;

export const inspectionSchema = z.object({
  inspectionId: z.string(),
  /** 1 as first answered; each review and each revised answer adds one, and a new entry to the feed. */
  revision: z.int().min(1),
  /** Of a revision, where a modality came late: what had been answered without it. */
  previous: z
    .object({ revision: z.int().min(1), verdict, score: unit.nullable(), branch: z.string().nullable() })
    .nullable(),
  captureId: z.string(),
  lineId: z.string().nullable(),
  stationId: z.string().nullable(),
  partId: z.string().nullable(),
  productId: z.string().nullable(),
  recipe: z.string().nullable(),
  /** Of the recipe, as it was when the part was judged. */
  recipeRevision: z.object({ revision: z.int().min(1), hash: z.string() }).nullable(),
  capturedAt: z.string().nullable(),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** FAILED: set aside, because it ended what judged it twice, or could not be judged; verdict NOT_DECIDABLE. */
  state: z.enum(['COMPLETED', 'FAILED']),
  /** Why it was set aside; null where it was judged. */
  failure: z.object({ code: z.string(), detail: z.string() }).nullable(),
  verdict,
  /** null where nothing could be judged (verdict NOT_DECIDABLE). */
  score: unit.nullable(),
  thresholds: z.object({ review: unit, reject: unit }).nullable(),
  /** Where the recipe masked pictures the branch looked at: `score` is of what counts, this is what the model gave. */
  mask: z
    .object({
      /** Whose pixels. */
      frames: z.array(z.string()),
      /** Of the recipe's masks: scores compare under the same ones. */
      hash: z.string(),
      unmaskedScore: unit,
    })
    .nullable(),
  /** null where it was set aside. */
  model: z.object({ name: z.string(), version: z.int(), sha256: z.string() }).nullable(),
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
  /** Oldest first; they never change the verdict. */
  reviews: z.array(review),
  /** false where the store failed: the answer is right, but it cannot be looked up later. */
  stored: z.boolean(),
});
export type Inspection = z.infer<typeof inspectionSchema>;
