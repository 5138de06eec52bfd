// Mixed captures from many stations at once, each accounted for.
import { Agent } from 'undici';
import { drawBelow, type Random } from '../../bench/random.js';
import type { KnownCapture } from './catalogue.js';
import type { Ledger } from './ledger.js';
import type { MortalService } from './mortal-service.js';
import { drawManners, sendCapture } from './station.js';

export interface Traffic {
  readonly captures: number;
  readonly clients: number;
  readonly known: readonly KnownCapture[];
  readonly random: Random;
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
  onDone(done: number): void;
}

const LEAST_MS = 120_000;
/** Far more than a capture takes, restarts included. */
const PER_CAPTURE_MS = 1000;

/** Throws an Error where it does not come to its end, or the service ends by itself. */
export async function runTraffic(service: MortalService, traffic: Traffic): Promise<void> {
  const { captures, clients, known, random, ledger } = traffic;
  const dispatcher = new Agent({ connections: clients, pipelining: 1 });
  const endMs = performance.now() + LEAST_MS + captures * PER_CAPTURE_MS;
  let next = 0;
  let done = 0;
  const station = async () => {
    while (next < captures) {
      const captureId = `soak-${next++}`;
      const capture = known[drawBelow(random, known.length)];
      if (capture === undefined) throw new Error('no capture is known');
      const manners = drawManners(random);
      await service.untilUp();
      traffic.signal.throwIfAborted();
      if (service.died !== undefined) throw new Error(`the service ended by itself: ${service.died}`);
      if (performance.now() > endMs) throw new Error(`only ${done} of ${captures} captures came to an end`);
      ledger.sent(captureId, capture);
      const downSince = (ms: number) => service.downSince(ms);
      const { parts } = capture;
      const { url } = service;
      ledger.came(captureId, await sendCapture({ url, dispatcher, captureId, parts, manners, downSince }));
      traffic.onDone(++done);
    }
  };
  try {
    await Promise.all(Array.from({ length: clients }, station));
  } finally {
    await dispatcher.destroy();
  }
}
