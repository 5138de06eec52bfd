// Series that are there before anything was counted: a rate, and an alert on it, does not see one that begins with 1.
import type { ErrorCode } from '../errors.js';
import type { RefusedBytes } from '../http/byte-budget.js';
import type { ImageOutcome } from '../inspect/keep-images.js';
import type { DeliveryOutcome } from '../push/courier.js';
import type { Reason } from '../store/retention.js';
import type { CATALOGUE } from './catalogue.js';
import type { Instruments } from './instruments.js';

/** The compiler names the one that is missing. */
const all = <T extends string>(values: Readonly<Record<T, true>>) => Object.keys(values) as T[];

const REFUSALS: readonly ErrorCode[] = ['DEADLINE_UNREACHABLE', 'OVERLOADED'];
/** Of those that say what is wrong with a part there are many. */
const SET_ASIDE: readonly ErrorCode[] = ['WORKER_LOST', 'WORKER_STUCK', 'INTERNAL'];
const NO_ROOM = all<RefusedBytes | 'stalled'>({ announced: true, body: true, pixels: true, stalled: true });
const IMAGES = all<ImageOutcome>({ kept: true, evicted: true, no_room: true, behind: true, failed: true });
const DELIVERIES = all<DeliveryOutcome>({ delivered: true, failed: true, dead: true, ended: true });
const REMOVED = all<Reason>({ age: true, count: true, bytes: true, unacked: true });

/** Where the values of the labels are few, and known. */
export function beginAtZero(m: Instruments<typeof CATALOGUE>): void {
  for (const code of REFUSALS) m.branchline_refusals_total.inc({ code }, 0);
  for (const code of SET_ASIDE) m.branchline_captures_set_aside_total.inc({ code }, 0);
  for (const reason of NO_ROOM) m.branchline_in_flight_refused_total.inc({ reason }, 0);
  for (const outcome of IMAGES) m.branchline_capture_images_total.inc({ outcome }, 0);
  for (const reason of REMOVED) m.branchline_retention_removed_total.inc({ what: 'records', reason }, 0);
  // Not by count, and consumers owe nothing to pictures.
  for (const reason of ['age', 'bytes'])
    m.branchline_retention_removed_total.inc({ what: 'images', reason }, 0);
  for (const outcome of DELIVERIES)
    m.branchline_push_deliveries_total.inc({ channel: 'webhook', outcome }, 0);
  // What a broker does not take is tried until it does.
  m.branchline_push_deliveries_total.inc({ channel: 'mqtt', outcome: 'delivered' }, 0);
}
