import { describe, expect, it } from '@jest/globals';
import { LoneRuns, type Workers } from '../../src/schedule/lone-runs.js';
import type { RunResult } from '../../src/worker/inference-worker.js';

const graphs = [{ kind: 'head', name: 'a', samples: 1, ms: 1 }] as const;

/** Workers whose runs end by hand; `ran` are their names in the order they began. */
function machine({ workers = 2, opens = true }: { workers?: number; opens?: boolean } = {}) {
  const ran: string[] = [];
  const ends: (() => void)[] = [];
  const closed: string[] = [];
  const workersOf = (name: string, alive: number): Workers => {
    let busy = 0;
    return {
      alive,
      get idle() {
        return alive - busy;
      },
      get busy() {
        return busy;
      },
      run: () => {
        ran.push(name);
        busy++;
        return new Promise<readonly RunResult[]>((resolve) => {
          ends.push(() => {
            busy--;
            resolve([{ outcomes: [], graphs }]);
          });
        });
      },
      close: async () => {
        closed.push(name);
      },
    };
  };
  const failures: string[] = [];
  const runs = new LoneRuns(
    workersOf('one of several', workers),
    async () => {
      if (!opens) throw new Error('no memory');
      return workersOf('lone', 1);
    },
    ({ message }) => failures.push(message),
  );
  return { runs, ran, ends, closed, failures };
}

const opened = () => new Promise((resolve) => setImmediate(resolve));

describe('a run that is alone', () => {
  it('has the machine to itself; those that come meanwhile are among others', async () => {
    const { runs, ran, ends } = machine();
    await opened();
    void runs.run([], 0);
    void runs.run([], 0);
    expect(ran).toEqual(['lone', 'one of several']);
    ends[0]?.();
    await opened();
    // One of the workers still runs.
    void runs.run([], 0);
    expect(ran).toEqual(['lone', 'one of several', 'one of several']);
    ends[1]?.();
    ends[2]?.();
    await opened();
    void runs.run([], 0);
    expect(ran.at(-1)).toBe('lone');
  });

  it('stands in the place of another: no more run than there are workers', async () => {
    const { runs, ends } = machine();
    await opened();
    expect(runs.idle).toBe(2);
    void runs.run([], 0);
    expect([runs.idle, runs.busy]).toEqual([1, 1]);
    void runs.run([], 0);
    expect([runs.idle, runs.busy]).toEqual([0, 1]);
    ends[0]?.();
    expect([runs.idle, runs.busy]).toEqual([1, 0]);
  });

  it('teaches the door nothing about runs among others', async () => {
    const { runs, ends } = machine();
    await opened();
    const lone = runs.run([], 0);
    const other = runs.run([], 0);
    for (const end of ends) end();
    expect((await lone)[0]?.graphs).toEqual([]);
    expect((await other)[0]?.graphs).toEqual(graphs);
  });

  it('is one of several until its worker is open, and where it cannot be opened', async () => {
    const { runs, ran, failures } = machine({ opens: false });
    void runs.run([], 0);
    await opened();
    expect(failures).toEqual(['no memory']);
    void runs.run([], 0);
    expect(ran).toEqual(['one of several', 'one of several']);
    await runs.close();
  });

  it('closes its worker, also one that is still being opened, and begins nothing there afterwards', async () => {
    const early = machine();
    await early.runs.close();
    expect(early.closed).toEqual(['lone']);
    const { runs, ran } = machine();
    await opened();
    const closing = runs.close();
    void runs.run([], 0);
    await closing;
    expect(ran).toEqual(['one of several']);
  });
});
