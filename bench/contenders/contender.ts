// A server that is measured: how it is started, and what a capture looks like to it.
import type { ChildServer } from '../child-server.js';
import type { PreparedRequest, Probe } from '../load/protocol.js';

export const CONTENDERS = ['branchline', 'mosec', 'fastapi', 'litserve', 'fastify'] as const;
export type ContenderName = (typeof CONTENDERS)[number];

export interface Picture {
  readonly contentType: 'image/png' | 'image/jpeg';
  readonly bytes: Uint8Array;
}

export interface Contender {
  readonly name: ContenderName;
  /** As tables name it, with its version. */
  readonly title: string;
  /** Throws an Error of one line where it cannot be started. */
  start(folder: string): Promise<StartedContender>;
  /** The one-picture capture of the bench, as this server takes it. */
  requestFor(picture: Picture): PreparedRequest;
  readonly probes: readonly Probe[];
}

export interface StartedContender extends ChildServer {
  readonly url: string;
}

/** Often enough for a p99 of some seconds; metrics are dearer, and scraped less. */
export const LIVE_EVERY_MS = 50;
export const METRICS_EVERY_MS = 250;
