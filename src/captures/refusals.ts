// What is said to a client whose capture is not judged: another one has its name, or it was set aside.
import { ServiceError } from '../errors.js';
import type { IntakeEntry } from '../intake/intake-store.js';

export function otherContent(captureId: string): ServiceError {
  return conflict(
    `Capture "${captureId}" came before with other content; give this one a captureId of its own, ` +
      'or send exactly what was sent first.',
  );
}

export function inPieces(captureId: string): ServiceError {
  return conflict(
    `Capture "${captureId}" is coming in pieces; send the rest with PUT /v1/captures/…/modalities/…, ` +
      'or give this one a captureId of its own.',
  );
}

/** Whoever sends a capture whole says that this is all of it; its files are not kept for more to come. */
export function cameWhole(captureId: string): ServiceError {
  return conflict(
    `Capture "${captureId}" came whole, so nothing can be added to it; where sensors send apart, ` +
      'send all of them with PUT /v1/captures/…/modalities/….',
  );
}

export function otherPiece(captureId: string, name: string): ServiceError {
  return conflict(
    `Capture "${captureId}" has another "${name}" already; give the new part a captureId of its own.`,
    name,
  );
}

export function otherMetadata(captureId: string): ServiceError {
  return conflict(
    `Capture "${captureId}" has other metadata already; send it once, before the capture is complete.`,
    'metadata',
  );
}

function conflict(detail: string, part = 'captureId'): ServiceError {
  return new ServiceError('CAPTURE_CONFLICT', { detail, part });
}

export function setAside({ captureId, failure }: IntakeEntry): ServiceError {
  return new ServiceError('CAPTURE_FAILED', {
    detail:
      `Capture "${captureId}" was set aside (${failure?.code}): ${failure?.detail ?? ''} ` +
      'Look at the part by hand; to have it judged again, send it under another captureId.',
    part: 'captureId',
  });
}

export function noCapture(captureId: string): ServiceError {
  return new ServiceError('NOT_FOUND', {
    detail: `There is no capture "${captureId}": it was never sent, or longer ago than IDEMPOTENCY_WINDOW_S.`,
    part: 'captureId',
  });
}

export function intakeFull(what: string, variable: string): ServiceError {
  return new ServiceError('OVERLOADED', {
    detail: `${what} (${variable}); send this one again later, or to be judged at once.`,
    retryAfterSeconds: 1,
  });
}
