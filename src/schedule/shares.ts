// How much of the machine each branch was given lately: of the last captures that were let in, how many are its.
import type { Queued } from './queue.js';

export class Shares {
  readonly #window: number;
  /** Oldest first. */
  readonly #letIn: Queued[] = [];
  readonly #counts = new Map<string, number>();

  /** So many captures back counts as lately. What a branch left unused before that gives it no claim. */
  constructor(window: number) {
    this.#window = window;
  }

  letIn(capture: Queued): void {
    this.#letIn.push(capture);
    this.#add(branchOf(capture), 1);
    if (this.#letIn.length <= this.#window) return;
    const forgotten = this.#letIn.shift();
    if (forgotten !== undefined) this.#add(branchOf(forgotten), -1);
  }

  /** It was let in, but gave way before it ran. */
  gaveWay(capture: Queued): void {
    const at = this.#letIn.indexOf(capture);
    if (at < 0) return;
    this.#letIn.splice(at, 1);
    this.#add(branchOf(capture), -1);
  }

  of(branch: string): number {
    return this.#counts.get(branch) ?? 0;
  }

  #add(branch: string, change: 1 | -1): void {
    const count = this.of(branch) + change;
    if (count === 0) this.#counts.delete(branch);
    else this.#counts.set(branch, count);
  }
}

export function branchOf({ call }: Queued): string {
  return `${call.model} ${call.branch}`;
}
