// A station: sends each part until it is answered, in the form the part asks for, and remembers what it was told.
import type { MadePart } from './balance.js';
import type { Part } from './parts.js';
import type { PersistentClient, Reply } from './persistent-client.js';

/** What the stations of a shift count together. */
export interface ShiftCounts {
  bySync: number;
  byAsync: number;
  byPieces: number;
  frozen: number;
  late: number;
  twins: number;
  /** Answered by what was answered before: Idempotent-Replay. */
  replayed: number;
  /** Judged, and not stored yet: the store was away. */
  unstored: number;
}

export const noCounts = (): ShiftCounts => ({
  bySync: 0,
  byAsync: 0,
  byPieces: 0,
  frozen: 0,
  late: 0,
  twins: 0,
  replayed: 0,
  unstored: 0,
});

export const RECIPE = 'simulated-line';
/** By it a late modality is answered by a revised inspection. */
export const recipeOf = (withPieces: boolean) => (withPieces ? { late: 'revise' } : {});

export class Station {
  readonly #client: PersistentClient;
  readonly #counts: ShiftCounts;
  readonly #model: string;

  constructor(client: PersistentClient, counts: ShiftCounts, model: string) {
    this.#client = client;
    this.#counts = counts;
    this.#model = model;
  }

  /** Never throws: what went wrong stands in the part's fault. */
  async send(part: Part): Promise<MadePart> {
    const { captureId, stationId } = part;
    try {
      const ids = await this.#sendAsOftenAsItIs(part);
      if (part.late !== undefined) await this.#sendPiece(captureId, part.late.name, part.late.bytes);
      const [inspectionId, other] = [...new Set(ids)];
      const fault = other === undefined ? undefined : `answered as ${inspectionId} and as ${other}`;
      return { captureId, stationId, inspectionId, fault };
    } catch (error) {
      return { captureId, stationId, inspectionId: undefined, fault: (error as Error).message };
    }
  }

  /** The ids of its answers. */
  async #sendAsOftenAsItIs(part: Part): Promise<string[]> {
    this.#count(part);
    if (part.twin === 'beside') return Promise.all([this.#sendOnce(part), this.#sendOnce(part)]);
    const first = await this.#sendOnce(part);
    return part.twin === 'after' ? [first, await this.#sendOnce(part)] : [first];
  }

  async #sendOnce(part: Part): Promise<string> {
    const reply = await (part.form === 'pieces' ? this.#inPieces(part) : this.#whole(part));
    if (reply.headers.get('idempotent-replay') === 'true') this.#counts.replayed += 1;
    if (reply.body.stored === false) this.#counts.unstored += 1;
    return String(reply.body.inspectionId);
  }

  #whole(part: Part): Promise<Reply> {
    const headers: Record<string, string> = part.form === 'async' ? { prefer: 'respond-async' } : {};
    return this.#client.ask(`/v1/inspections?model=${encodeURIComponent(this.#model)}`, () => {
      const form = new FormData();
      form.append('metadata', JSON.stringify({ captureId: part.captureId, ...metadataOf(part) }));
      for (const [name, bytes] of part.modalities) form.append(name, new Blob([new Uint8Array(bytes)]), name);
      return { method: 'POST', headers, body: form };
    });
  }

  /** Each sensor has a computer of its own: they send at once, in any order. */
  async #inPieces(part: Part): Promise<Reply> {
    const path = `/v1/captures/${part.captureId}`;
    const body = JSON.stringify(metadataOf(part));
    await Promise.all([
      this.#client.ask(`${path}/metadata`, () => ({
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body,
      })),
      ...[...part.modalities].map(([name, bytes]) => this.#sendPiece(part.captureId, name, bytes)),
    ]);
    return this.#client.ask(`${path}:complete`, () => ({ method: 'POST' }));
  }

  #sendPiece(captureId: string, name: string, bytes: Uint8Array): Promise<Reply> {
    return this.#client.ask(`/v1/captures/${captureId}/modalities/${name}`, () => ({
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: new Uint8Array(bytes),
    }));
  }

  #count({ form, frozen, late, twin }: Part): void {
    const counts = this.#counts;
    if (form === 'sync') counts.bySync += 1;
    else if (form === 'async') counts.byAsync += 1;
    else counts.byPieces += 1;
    if (frozen) counts.frozen += 1;
    if (late !== undefined) counts.late += 1;
    if (twin !== 'none') counts.twins += 1;
  }
}

function metadataOf({ lineId, stationId, partId }: Part): object {
  return { lineId, stationId, partId, recipe: RECIPE };
}
