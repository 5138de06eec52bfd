// What push keeps: subscriptions, how far each reader is, and what could not be delivered. Two adapters, one contract.
import { z } from 'zod';
import { inspectionSchema, verdict } from '../inspection.js';
import { EVENT_TYPES } from './event.js';

/** Also safe in a key, a file name and a path. */
export const webhookId = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'must be 1 to 64 letters, digits, ".", "_" or "-"');

export const webhookSchema = z.object({
  id: z.string(),
  /** Changes with every change: a courier that works by an old one is stopped. */
  version: z.string(),
  url: z.string(),
  secret: z.string(),
  lineId: z.string().nullable(),
  verdicts: z.array(verdict).nullable(),
  state: z.enum(['ACTIVE', 'ENDED']),
  endedReason: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type Webhook = z.infer<typeof webhookSchema>;

/** An event that was refused at least once and is tried again. */
const trial = z.object({
  eventId: z.string(),
  attempts: z.int(),
  /** Unix time. */
  firstMs: z.number(),
  nextMs: z.number(),
  fault: z.string(),
});

export const progressSchema = z.object({
  /** Of follow.ts. */
  position: z.string(),
  trial: trial.nullable(),
  deliveredAt: z.string().nullable(),
});
export type Progress = z.infer<typeof progressSchema>;

export const deadLetterSchema = z.object({
  event: z.object({
    id: z.string(),
    type: z.enum(EVENT_TYPES),
    // As it was when it failed: the record may have been revised, or be gone, when it is sent again.
    inspection: inspectionSchema,
  }),
  attempts: z.int(),
  buriedAt: z.string(),
  fault: z.string(),
  /** To be sent again as soon as the courier comes to it. */
  replay: z.boolean(),
});
export type DeadLetter = z.infer<typeof deadLetterSchema>;

/** The name under which a subscription's progress and lease are kept. */
export const readerOf = (id: string) => `webhook:${id}`;

/** All methods throw where the store is out of reach; what resolved would survive a crash of this process. */
export interface PushStore {
  /** By id. */
  webhooks(): Promise<Webhook[]>;
  webhook(id: string): Promise<Webhook | undefined>;
  /** Creates or replaces. `progress` is for a new one; one that is there keeps its own, without its trial. */
  putWebhook(webhook: Webhook, progress: Progress): Promise<void>;
  /** Replaces it if it still has that version; false where it was changed or removed. */
  changeWebhook(webhook: Webhook, version: string): Promise<boolean>;
  /** With its progress, lease and dead letters; false where there is none. */
  removeWebhook(id: string): Promise<boolean>;

  progress(reader: string): Promise<Progress | undefined>;
  /** Only for who holds the lease: false, and nothing changed, for anybody else. */
  saveProgress(reader: string, owner: string, progress: Progress): Promise<boolean>;
  /** Both or neither, under the lease as above. */
  bury(id: string, owner: string, letter: DeadLetter, progress: Progress): Promise<boolean>;

  /** Oldest first. */
  deadLetters(id: string): Promise<DeadLetter[]>;
  countDeadLetters(id: string): Promise<number>;
  /** Replaces it where it is still there. */
  changeDeadLetter(id: string, letter: DeadLetter): Promise<void>;
  removeDeadLetters(id: string, eventIds: readonly string[]): Promise<void>;

  /** Takes or renews: true for one owner at a time, until `ttlMs` have passed without a renewal. */
  lease(reader: string, owner: string, ttlMs: number): Promise<boolean>;
  release(reader: string, owner: string): Promise<void>;
  close(): Promise<void>;
}

export function oldestFirst(letters: DeadLetter[]): DeadLetter[] {
  return letters.toSorted(
    (a, b) => a.buriedAt.localeCompare(b.buriedAt) || a.event.id.localeCompare(b.event.id),
  );
}

/** A changed subscription is tried at once. */
export function tryAtOnce(progress: Progress): Progress {
  return { ...progress, trial: null };
}
