// What every result store must do; the lmdb and redis adapters both pass the same contract tests.
import type { Inspection, Review, Verdict } from '../inspection.js';
import type { StoredMap } from '../map-codec.js';

/** Of inspections, in one call of keepImages: more would hold up what else is written. */
export const MAX_EVICTED = 100;

export interface Artefacts {
  /** By name: "fused" and each used modality; as encodeMap gives them. */
  readonly maps: Readonly<Record<string, Uint8Array>>;
}

/** What the sensors saw, as far as it is kept; written after the record, which does not wait for it. */
export interface CaptureImages {
  /** An encoded picture of the frame's modality to lay the map over; undefined where there is none. */
  readonly thumbnail?: Uint8Array | undefined;
  /** By modality: the files as they were sent. */
  readonly originals: Readonly<Record<string, Uint8Array>>;
}

export interface ImagesKept {
  /** false where the record is not there or was revised since, or the images alone are over the limit. */
  readonly kept: boolean;
  /** Inspections whose images went to make room. */
  readonly evicted: number;
}

export interface ListQuery {
  /** Opaque, from an earlier page; absent: from the first record. */
  readonly after?: string;
  /** Likewise: no record behind it. */
  readonly upTo?: string;
  readonly limit: number;
  readonly lineId?: string;
  readonly verdict?: Verdict;
}

/** A page of all that is there. */
export type PageQuery = Pick<ListQuery, 'after' | 'limit'>;

export interface Page {
  readonly items: readonly Inspection[];
  /** Where to go on; always there, also on an empty page. */
  readonly nextCursor: string;
}

export interface Ack {
  readonly inspectionId: string;
  /** The one that was read; absent: whichever is the newest. */
  readonly revision?: number | undefined;
}

/** SUPERSEDED: a newer revision than the one acked is in the feed, and is still to be read. */
export type AckOutcome = 'ACKED' | 'ALREADY_ACKED' | 'SUPERSEDED' | 'UNKNOWN';

export interface ConsumerStanding {
  readonly name: string;
  /** Everything up to it is acked: where to read on after a restart. */
  readonly cursor: string;
  /** Entries of the feed that are not acked; 0 exactly where there is none, near enough where there are many. */
  readonly lag: number;
  /** Entries acked beyond the cursor, behind one that is not. */
  readonly ahead: number;
  readonly updatedAt: string;
}

/** Since the line's last change-over. */
export interface LineCounts {
  /** Set aside: not inspected, and of no verdict. With `inspected`: all parts that came. */
  readonly failed: number;
  readonly inspected: number;
  readonly OK: number;
  readonly REVIEW: number;
  readonly NG: number;
  readonly NOT_DECIDABLE: number;
  /** REVIEW or NG, and a person said the part is good. */
  readonly falseCalls: number;
  /** REVIEW or NG, and a person said so too, or repaired the part. */
  readonly confirmedCalls: number;
  /** OK, and a person said the part is bad. */
  readonly misses: number;
  /** OK, and a person said so too. */
  readonly confirmedGood: number;
  readonly reworked: number;
  /** Part ids seen on this line for the first time. */
  readonly parts: number;
  /** Of those, how many were OK at that first time. */
  readonly firstPassOk: number;
  /** Inspections of a part that had been here before. */
  readonly repeats: number;
}

export interface LineRatios {
  /** falseCalls of all calls a person has judged. */
  readonly falseCallRatio: number | null;
  /** misses of all parts a person has found bad. */
  readonly missRatio: number | null;
  /** firstPassOk of parts. */
  readonly firstPassYield: number | null;
}

export interface Line {
  readonly lineId: string;
  /** The first inspection, or the last change-over. */
  readonly since: string;
  readonly counts: LineCounts;
}

export interface Reset {
  readonly by: string;
  readonly reason: string;
  readonly at: string;
}

/** A reset as it is recorded: with the counters as they were before it, and since when. */
export interface Changeover extends Reset {
  readonly since: string;
  readonly counts: LineCounts;
}

/** One revision of an inspection. */
export type Revision = Pick<Inspection, 'inspectionId' | 'revision'>;

export interface Usage {
  readonly records: number;
  /** What the store holds; of Redis, all that the server holds. */
  readonly bytes: number;
  /** What it could still grow by on its disk; undefined where it cannot tell. */
  readonly freeBytes: number | undefined;
  /** Of `bytes`, what the images of captures take, as they were given. */
  readonly imageBytes: number;
}

export interface ResultStore {
  /**
   * Resolves once the record would survive a crash of this process. By what is held of its inspectionId:
   * nothing: stored, with an entry at the feed's tail;
   * the same revision or a higher one: nothing happens, so that a save may be repeated;
   * a lower revision: record and the artefacts given take its place, and its feed entry moves to the tail. The
   * reviews held stay, whatever the record brings; images of the capture go, for they show what was seen before.
   */
  save(inspection: Inspection, artefacts: Artefacts): Promise<void>;
  /**
   * Appends `review`; the record's revision grows by one and its feed entry moves to the tail. Resolves to the record,
   * unchanged where it has this very review, or the last one says the same. Throws ServiceError NOT_FOUND, and REVIEW_REFUSED where the decision
   * contradicts the verdict.
   */
  review(inspectionId: string, review: Review): Promise<Inspection>;
  get(inspectionId: string): Promise<Inspection | undefined>;
  map(inspectionId: string, name: string): Promise<StoredMap | undefined>;
  /**
   * Puts images of what was seen for a revision beside its record, in place of those it has; none where the record is
   * that of a revised answer since, for they may come late. Reviews do not matter. Before that the oldest images of the
   * store go, of whatever verdict, until all together are within `limitBytes`: MAX_EVICTED of them at most, so that a
   * limit which was lowered is reached in several calls. Records are never touched.
   */
  keepImages(revision: Revision, images: CaptureImages, limitBytes: number): Promise<ImagesKept>;
  thumbnail(inspectionId: string): Promise<Uint8Array | undefined>;
  /** The file of a modality as it was sent. */
  original(inspectionId: string, modality: string): Promise<Uint8Array | undefined>;
  /**
   * Ascending by commit order; of each inspection only its newest revision is there. A filtered page may hold fewer than `limit`, even none, before the feed's end:
   * it looks at a bounded stretch and `nextCursor` goes on behind it. The end is reached when `nextCursor` stays.
   * Throws ServiceError BAD_CURSOR for a cursor it did not issue. All reads throw STORE_UNAVAILABLE where the
   * store is out of reach.
   */
  list(query: ListQuery): Promise<Page>;
  /** Verdict REVIEW and no review yet, ascending as list() does; an index, not a scan. Throws as list(). */
  openReviews(query: PageQuery): Promise<Page>;
  /**
   * Marks inspections as done for `consumer`, which is made by its first ack. The feed stays as it is for everybody.
   * One outcome for each, in order. Throws ServiceError ACK_REFUSED, with nothing changed, where too many would have to
   * be remembered.
   */
  ack(consumer: string, acks: readonly Ack[]): Promise<readonly AckOutcome[]>;
  /** Marks all up to `cursor` as done; never moves back. Throws BAD_CURSOR, ACK_REFUSED. */
  ackUpTo(consumer: string, cursor: string): Promise<AckOutcome>;
  consumer(name: string): Promise<ConsumerStanding | undefined>;
  /** By name. */
  consumers(): Promise<readonly ConsumerStanding[]>;
  /** Everything up to it is acked by every consumer; undefined where there is no consumer. */
  ackedTo(): Promise<string | undefined>;
  /** false where there was none. */
  forgetConsumer(name: string): Promise<boolean>;
  /**
   * Counters of every line, by name; kept with each save and review, in the same step. An inspection without a line is
   * counted nowhere, nor is one of a line beyond the first thousand.
   */
  lines(): Promise<readonly Line[]>;
  line(lineId: string): Promise<Line | undefined>;
  /** The last hundred change-overs of a line, the newest first. */
  resets(lineId: string): Promise<readonly Changeover[]>;
  /**
   * A change-over: counters begin again at 0. Revisions and reviews of what was counted before change them no more.
   * Throws ServiceError NOT_FOUND.
   */
  resetLine(lineId: string, reset: Reset): Promise<Changeover>;
  /**
   * Resolves as soon as something was saved after `cursor` (by any replica), or after `waitMs`,
   * or when `signal` aborts. Resolves in all three cases, and when the store closes; the caller lists again.
   * Throws ServiceError BAD_CURSOR as list() does.
   */
  waitForNext(cursor: string | undefined, waitMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Removes maps and images, or whole records with their place in the feed; never of a revision that is newer than the
   * one named. Counters stay. Resolves to how many had anything of it.
   */
  forget(revisions: readonly Revision[], what: 'images' | 'records'): Promise<number>;
  usage(): Promise<Usage>;
  /** true for one replica at a time, for so long or until it asks again. */
  leaseSweep(forMs: number): Promise<boolean>;
  /** The cursor behind the newest record: what is saved from now on comes after it. */
  end(): Promise<string>;
  /** Throws where the store cannot take writes now. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
