// Every way a capture comes in: at once, to be judged later, or piece by piece; each is judged once.
import { ServiceError } from '../errors.js';
import type { Capture, Inspect } from '../inspect.js';
import type { CaptureMetadata } from '../inspection.js';
import type { Held, IntakeEntry, IntakeStore } from '../intake/intake-store.js';
import type { ResultStore } from '../store/store.js';
import { Accept, type AcceptedCapture, type AcceptOptions, type Submission } from './accept.js';
import { contentHash, hashesOf } from './content-hash.js';
import { type Answered, Once, type OnceOptions } from './once.js';
import { type PieceAnswer, Pieces, type PiecesOptions } from './pieces.js';
import { intakeFull, noCapture, setAside } from './refusals.js';
import { Runners, type RunnersOptions } from './runners.js';
import { accepted, isExpired } from './transitions.js';
import { type Room, Turn } from './turn.js';
import { type CaptureView, recordedEntry, viewOf } from './view.js';

export interface CapturesOptions
  extends OnceOptions,
    Omit<PiecesOptions, 'assertRoom'>,
    Omit<AcceptOptions, 'assertRoom' | 'asItStands'>,
    Pick<RunnersOptions, 'runners' | 'after' | 'onSetAside' | 'onUsage'> {
  readonly intake: IntakeStore;
  readonly results: Pick<ResultStore, 'get' | 'save'>;
  readonly inspect: Inspect;
  readonly claimBytes: (bytes: number) => Room;
  readonly monotonicMs: () => number;
  /** How long the bytes of a judged capture wait for a late modality, where its recipe revises. */
  readonly lateMs: number;
  readonly maxCaptures: number;
  readonly maxBytes: number;
  readonly onReplayed: () => void;
}

const POLL_MS = 50;

export class Captures {
  readonly #options: CapturesOptions;
  readonly #once: Once;
  readonly #accept: Accept;
  readonly #turn: Turn;
  readonly #pieces: Pieces;
  readonly runners: Runners;

  constructor(options: CapturesOptions) {
    this.#options = options;
    this.#once = new Once(options);
    const assertRoom = (bytes: number, isNew: boolean) => this.#assertRoom(bytes, isNew);
    const asItStands = (entry: IntakeEntry) => this.#asItStands(entry);
    this.#accept = new Accept({ ...options, assertRoom, asItStands });
    this.#pieces = new Pieces({ ...options, assertRoom });
    const keepBytesMs = (entry: IntakeEntry) =>
      entry.inPieces && this.#pieces.lateOf(entry) === 'revise' ? options.lateMs : 0;
    this.#turn = new Turn({ ...options, keepBytesMs });
    this.runners = new Runners({ ...options, turn: this.#turn });
  }

  /** While the client waits. Throws as the line does, and ServiceError CAPTURE_CONFLICT, CAPTURE_FAILED. */
  async inspect(capture: Capture): Promise<Answered> {
    const { inspect, onReplayed } = this.#options;
    const { metadata, parts, signal } = capture;
    const { captureId } = metadata;
    if (captureId === undefined) return { inspection: await inspect(capture), replayed: false };
    const model = capture.model ?? null;
    const answered = await this.#once.inspect(
      {
        captureId,
        contentHash: contentHash(await hashesOf(parts), metadata, model),
        signal,
      },
      (claim) => inspect({ ...capture, ...claim }),
    );
    if (answered.replayed) onReplayed();
    return answered;
  }

  /** To be judged later. Throws as Accept.submit. */
  async accept(submission: Submission): Promise<AcceptedCapture> {
    const answer = await this.#accept.submit(submission);
    if (answer.replayed) this.#options.onReplayed();
    else this.runners.nudge();
    return answer;
  }

  /** Throws as Pieces.put. */
  async putPiece(
    captureId: string,
    name: string,
    bytes: Uint8Array,
  ): Promise<PieceAnswer & { view: CaptureView }> {
    const answer = await this.#pieces.put(captureId, name, bytes);
    if (answer.created && answer.entry.state === 'ACCEPTED') this.runners.nudge();
    return { ...answer, view: viewOf(answer.entry) };
  }

  /** Throws as Pieces.describe. */
  async putMetadata(
    captureId: string,
    metadata: CaptureMetadata,
  ): Promise<PieceAnswer & { view: CaptureView }> {
    const answer = await this.#pieces.describe(captureId, metadata);
    return { ...answer, view: viewOf(answer.entry) };
  }

  /** Nothing more will come: judged with what did. Throws as the line does, and NOT_FOUND, CAPTURE_FAILED. */
  async complete(captureId: string, patienceMs: number, signal: AbortSignal): Promise<Answered> {
    const { results, pause, onReplayed } = this.#options;
    for (let looks = 0; ; looks++) {
      signal.throwIfAborted();
      const held = await this.#known(captureId);
      const { entry } = held;
      if (entry.state === 'FAILED') throw setAside(entry);
      const inspection = hasRecord(entry) ? await results.get(entry.inspectionId) : undefined;
      if (inspection !== undefined) {
        const replayed = looks === 0;
        if (replayed) onReplayed();
        return { inspection, replayed };
      }
      const leased = entry.state === 'OPEN' ? await this.#turn.take(held) : undefined;
      if (leased !== undefined) {
        const situation = { patienceMs, signal, clientIsTold: true };
        return { inspection: await this.#turn.run(leased, situation), replayed: false };
      }
      if (entry.state === 'COMPLETED') throw recordGone(entry);
      await pause(POLL_MS, signal);
    }
  }

  /** The same, but judged later. Throws ServiceError NOT_FOUND, STORE_UNAVAILABLE. */
  async acceptComplete(captureId: string): Promise<AcceptedCapture> {
    const { intake, nowMs } = this.#options;
    for (;;) {
      const { version, entry } = await this.#known(captureId);
      if (entry.state !== 'OPEN') return { view: viewOf(await this.#asItStands(entry)), replayed: true };
      const next = accepted(entry, nowMs());
      if ((await intake.swap({ captureId, version, entry: next })) === undefined) continue;
      this.runners.nudge();
      return { view: viewOf(next), replayed: false };
    }
  }

  /** As soon as it is judged or set aside, and at the latest after `waitMs`. Throws ServiceError NOT_FOUND. */
  async find(captureId: string, waitMs: number, signal: AbortSignal): Promise<CaptureView> {
    const { monotonicMs, pause } = this.#options;
    const untilMs = monotonicMs() + waitMs;
    for (;;) {
      const entry = await this.#asItStands((await this.#known(captureId)).entry);
      const settled = entry.state === 'COMPLETED' || entry.state === 'FAILED';
      const leftMs = untilMs - monotonicMs();
      if (settled || leftMs <= 0 || signal.aborted) return viewOf(entry);
      await pause(Math.min(POLL_MS, leftMs), signal).catch(() => {});
    }
  }

  /** The line its metadata names; undefined: it names none yet, or there is no such capture. Throws STORE_UNAVAILABLE. */
  async lineOf(captureId: string): Promise<string | undefined> {
    const held = await this.#options.intake.get(captureId);
    return held === undefined || isExpired(held.entry, this.#options.nowMs())
      ? undefined
      : held.entry.metadata?.lineId;
  }

  async #known(captureId: string): Promise<Held> {
    const held = await this.#options.intake.get(captureId);
    if (held === undefined || isExpired(held.entry, this.#options.nowMs())) throw noCapture(captureId);
    return held;
  }

  async #asItStands(entry: IntakeEntry): Promise<IntakeEntry> {
    if (entry.state !== 'RUNNING' || entry.wakeAtMs !== null) return entry;
    return (await this.#options.results.get(entry.inspectionId)) === undefined ? entry : recordedEntry(entry);
  }

  async #assertRoom(bytes: number, isNew: boolean): Promise<void> {
    const { intake, maxCaptures, maxBytes } = this.#options;
    const held = await intake.usage();
    if (isNew && held.captures >= maxCaptures)
      throw intakeFull(`${held.captures} captures wait to be judged or completed already`, 'INTAKE_CAPTURES');
    if (held.bytes + bytes > maxBytes)
      throw intakeFull(`Waiting captures hold ${held.bytes} of ${maxBytes} bytes`, 'INTAKE_BYTES');
  }
}

/** Judged while its client waited, it is RUNNING for good: then only the record tells. */
function hasRecord({ revision, state, wakeAtMs }: IntakeEntry): boolean {
  return revision > 0 || (state === 'RUNNING' && wakeAtMs === null);
}

function recordGone({ captureId, inspectionId }: IntakeEntry): ServiceError {
  return new ServiceError('NOT_FOUND', {
    detail: `Capture "${captureId}" was judged, but its inspection ${inspectionId} is not kept any more.`,
    part: 'captureId',
  });
}
