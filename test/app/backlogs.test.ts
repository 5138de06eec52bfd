import { describe, expect, it } from '@jest/globals';
import { type Backlogs, countBacklogs, watchBacklogs } from '../../src/app/backlogs.js';

const standing = (name: string, lag: number) => ({ name, lag, cursor: '', ahead: 0, updatedAt: '' });

function counted() {
  const heard: unknown[] = [];
  return {
    heard,
    observer: {
      consumersBehind: (lags: ReadonlyMap<string, number>) => heard.push(Object.fromEntries(lags)),
      reviewBacklog: (parts: number) => heard.push(parts),
    },
  };
}

describe('the backlogs', () => {
  it('are the lag of each consumer, and the parts that nobody has reviewed', async () => {
    const { heard, observer } = counted();
    const store = {
      consumers: async () => [standing('mes', 3), standing('archive', 0)],
      openReviews: async () => ({ items: [{}, {}], nextCursor: '' }),
    } as unknown as Backlogs;
    await countBacklogs(store, observer);
    expect(heard).toEqual([{ mes: 3, archive: 0 }, 2]);
  });

  it('are counted at once, and a store that fails ends nothing', async () => {
    const { heard, observer } = counted();
    let asked = 0;
    const store = {
      consumers: async () => {
        asked++;
        throw new Error('away');
      },
    } as unknown as Backlogs;
    const close = watchBacklogs(store, observer);
    await close();
    expect([asked, heard]).toEqual([1, []]);
  });
});
