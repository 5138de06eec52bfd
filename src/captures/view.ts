// What clients see of a capture.
import { z } from 'zod';
import { captureStateName, type IntakeEntry } from '../intake/intake-store.js';

export const captureView = z.object({
  captureId: z.string(),
  state: captureStateName,
  /** The record's id, known before there is one. */
  inspectionId: z.string(),
  /** Of the newest record made from this capture; 0: none yet. */
  revision: z.int(),
  modalities: z.array(
    z.object({
      name: z.string(),
      bytes: z.int(),
      sha256: z.string(),
      arrivedAt: z.string(),
      /** It came after the capture was judged, or while it was. */
      late: z.boolean(),
      /** Of the record it was judged for; null: of none yet, or never. */
      revision: z.int().nullable(),
    }),
  ),
  receivedAt: z.string(),
  /** When it is judged with what has come by then; null where nothing more is waited for. */
  deadlineAt: z.string().nullable(),
  /** Runs that did not come to an end. */
  attempts: z.int(),
  inspection: z.object({ href: z.string() }).nullable(),
  failure: z.object({ code: z.string(), detail: z.string() }).nullable(),
});
export type CaptureView = z.infer<typeof captureView>;

export function viewOf(entry: IntakeEntry): CaptureView {
  const { captureId, state, inspectionId, revision, attempts, failure } = entry;
  const gathering = state === 'OPEN' || (state === 'ACCEPTED' && revision === 0);
  return {
    captureId,
    state,
    inspectionId,
    revision,
    modalities: entry.pieces.map(({ name, bytes, sha256, arrivedAtMs, revision: judgedFor }) => ({
      name,
      bytes,
      sha256,
      arrivedAt: new Date(arrivedAtMs).toISOString(),
      late: !gathering && judgedFor !== 1,
      revision: judgedFor,
    })),
    receivedAt: new Date(entry.receivedAtMs).toISOString(),
    deadlineAt:
      state === 'OPEN' && entry.openUntilMs !== null ? new Date(entry.openUntilMs).toISOString() : null,
    attempts: state === 'RUNNING' ? Math.max(0, attempts - 1) : attempts,
    inspection: revision > 0 ? { href: `/v1/inspections/${inspectionId}` } : null,
    failure,
  };
}

/** A capture that was judged while its client waited is written down before its run, and not after. */
export function recordedEntry(entry: IntakeEntry): IntakeEntry {
  return { ...entry, state: 'COMPLETED', revision: Math.max(1, entry.revision), lease: null };
}
