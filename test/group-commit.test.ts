// Group commit: who shares a commit, and who hears of its failure.
import { setImmediate as endOfTurn } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { GroupCommit } from '../src/group-commit.js';

function recorded(failOn?: string, gather?: () => Promise<void>) {
  const groups: (readonly string[])[] = [];
  const commits = new GroupCommit<string>(async (entries) => {
    groups.push(entries);
    await endOfTurn();
    await endOfTurn();
    if (failOn !== undefined && entries.includes(failOn)) throw new Error('disk full');
  }, gather);
  return [commits, groups] as const;
}

it('lets what one turn of the event loop brings share a commit', async () => {
  const [commits, groups] = recorded();
  const settling = Promise.resolve().then(() => commits.add('c'));
  await Promise.all([commits.add('a'), commits.add('b'), settling]);
  expect(groups).toEqual([['a', 'b', 'c']]);
});

it('lets what arrives during a commit share the next one', async () => {
  const [commits, groups] = recorded();
  const first = commits.add('a');
  await endOfTurn();
  await Promise.all([first, commits.add('b'), commits.add('c')]);
  expect(groups).toEqual([['a'], ['b', 'c']]);
});

it('waits as long as it is told for those that will share', async () => {
  let goOn = () => {};
  const [commits, groups] = recorded(undefined, () => new Promise((resolve) => (goOn = resolve)));
  const first = commits.add('a');
  await endOfTurn();
  const second = commits.add('b');
  expect(groups).toEqual([]);
  goOn();
  await Promise.all([first, second]);
  expect(groups).toEqual([['a', 'b']]);
});

it('tells of a failed commit exactly those whose group it was', async () => {
  const [commits, groups] = recorded('b');
  const first = commits.add('a');
  await endOfTurn();
  const outcomes = await Promise.allSettled([first, commits.add('b'), commits.add('c')]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  await commits.add('d');
  expect(groups).toEqual([['a'], ['b', 'c'], ['d']]);
});

it('is idle only after the last group', async () => {
  const [commits, groups] = recorded();
  void commits.add('a');
  await endOfTurn();
  void commits.add('b');
  await commits.idle();
  expect(groups).toEqual([['a'], ['b']]);
});
