// What a batch is expected to take: the sum of its graphs, each with a running fit of its own.
import type { BranchCall, GraphTime } from '../worker/protocol.js';
import { RunTimeFit } from './run-time-fit.js';

/** The graphs one call passes; the same names for every call of a branch. */
export type GraphNames = readonly string[];

/** The way to the worker and back, as a graph of its own. */
const WAY = 'way';

/**
 * By graph, not by branch: fifteen branches of four sensors share four encoders, so that a branch that was never
 * run is known by its encoders, and a batch of several branches is known at all.
 */
export class ExpectedTime {
  readonly #fits = new Map<string, RunTimeFit>();

  /** Of one batch. */
  observe(model: string, graphs: readonly GraphTime[]): void {
    for (const graph of graphs) this.#fit(nameOf(model, graph)).observe(graph.samples, graph.ms);
  }

  /** `ms`: of the time from handing `samples` to the worker until their answers are there, what no graph took. */
  observeWay(samples: number, ms: number): void {
    this.#fit(WAY).observe(samples, Math.max(0, ms));
  }

  ofOne(graphs: GraphNames): number {
    let ms = 0;
    for (const name of graphs) ms += this.#fits.get(name)?.estimateMs(1) ?? 0;
    return ms;
  }

  ofBatch(batch: readonly GraphNames[]): number {
    if (batch.length === 1) return this.ofOne(batch[0] ?? []);
    const all = this.emptyBatch();
    for (const graphs of batch) all.add(graphs);
    return all.ms;
  }

  emptyBatch(): GrowingBatch {
    return new GrowingBatch((name, samples) => this.#fits.get(name)?.estimateMs(samples) ?? 0);
  }

  #fit(name: string): RunTimeFit {
    const fit = this.#fits.get(name) ?? new RunTimeFit();
    this.#fits.set(name, fit);
    return fit;
  }
}

/** A batch that calls are added to, one by one: each costs one look, however many there are. */
export class GrowingBatch {
  readonly #estimateMs: (name: string, samples: number) => number;
  readonly #samples = new Map<string, number>();
  #ms = 0;

  constructor(estimateMs: (name: string, samples: number) => number) {
    this.#estimateMs = estimateMs;
  }

  get ms(): number {
    return this.#ms;
  }

  add(graphs: GraphNames): void {
    this.#ms = this.msWith(graphs);
    for (const name of graphs) this.#samples.set(name, (this.#samples.get(name) ?? 0) + 1);
  }

  /** With one more, which is not added. */
  msWith(graphs: GraphNames): number {
    let ms = this.#ms;
    for (const name of graphs) {
      const samples = this.#samples.get(name);
      ms += this.#estimateMs(name, (samples ?? 0) + 1);
      if (samples !== undefined) ms -= this.#estimateMs(name, samples);
    }
    return ms;
  }
}

export function graphsOf({ model, branch, inputs }: BranchCall): GraphNames {
  const encoders = Object.keys(inputs).map((name) => nameOf(model, { kind: 'encoder', name }));
  return [...encoders, nameOf(model, { kind: 'head', name: branch }), WAY];
}

function nameOf(model: string, { kind, name }: Pick<GraphTime, 'kind' | 'name'>): string {
  return `${model} ${kind} ${name}`;
}
