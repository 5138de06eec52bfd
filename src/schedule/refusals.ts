// What a capture is told that will not be run: each with the time after which it is worth asking again.
import { type ErrorCode, type ErrorContext, ServiceError } from '../errors.js';
import type { BranchCall } from '../worker/protocol.js';

export function queueFull(waiting: number, emptyInMs: number): ServiceError {
  return refusal('OVERLOADED', {
    detail: `${waiting} captures are waiting, which is the limit; send this one again later.`,
    retryAfterSeconds: seconds(emptyInMs),
  });
}

export function wouldBeLate(waiting: number, lateMs: number): ServiceError {
  return refusal('DEADLINE_UNREACHABLE', {
    detail:
      `${waiting} captures are waiting; this one, or one that was promised an answer, ` +
      `would be ${Math.ceil(lateMs)} ms late.`,
    retryAfterSeconds: seconds(lateMs),
  });
}

export function waitedInVain(waitedMs: number): ServiceError {
  return refusal('DEADLINE_UNREACHABLE', {
    detail: `The capture waited ${Math.round(waitedMs)} ms for a worker; its deadline cannot be met any more.`,
    retryAfterSeconds: 1,
  });
}

export function gaveWay(call: BranchCall, newcomer: BranchCall): ServiceError {
  return refusal('OVERLOADED', {
    detail:
      `Branch "${call.branch}" of ${call.model} was given most of the machine lately and gave a place up ` +
      `to branch "${newcomer.branch}" of ${newcomer.model}; send the capture again later.`,
    retryAfterSeconds: 1,
  });
}

/** Without a stack: nobody looks at it, and under load it would be written down hundreds of times a second. */
function refusal(code: ErrorCode, context: ErrorContext): ServiceError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return new ServiceError(code, context);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
