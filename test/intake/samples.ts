// Intake entries to put into a store under test.
import type { IntakeEntry } from '../../src/intake/intake-store.js';

export const aPiece = (name: string, bytes = 3) => ({
  name,
  sha256: '0'.repeat(64),
  bytes,
  arrivedAtMs: 1000,
  revision: null,
  held: true,
});

export function anEntry(changes: Partial<IntakeEntry> = {}): IntakeEntry {
  return {
    captureId: 'c-1',
    inspectionId: 'i-1',
    state: 'ACCEPTED',
    inPieces: false,
    contentHash: 'f'.repeat(64),
    pieces: [],
    metadata: { lineId: 'line-1', attributes: { cavity: 3 } },
    model: null,
    receivedAtMs: 1000,
    revision: 0,
    nextRevision: null,
    attempts: 0,
    lease: null,
    failure: null,
    openUntilMs: null,
    wakeAtMs: 1000,
    expiresAtMs: Date.now() + 100_000,
    heldBytes: 0,
    ...changes,
  };
}
