// Group commit: who shares a commit, and who hears of its failure.
import { expect, it } from '@jest/globals';
import { GroupCommit } from '../src/group-commit.js';

function recorded(failOn?: string) {
  const groups: (readonly string[])[] = [];
  const commits = new GroupCommit<string>(async (entries) => {
    groups.push(entries);
    await Promise.resolve();
    if (failOn !== undefined && entries.includes(failOn)) throw new Error('disk full');
  });
  return [commits, groups] as const;
}

it('lets what arrives during a commit share the next one', async () => {
  const [commits, groups] = recorded();
  await Promise.all(['a', 'b', 'c'].map((entry) => commits.add(entry)));
  expect(groups).toEqual([['a'], ['b', 'c']]);
});

it('tells of a failed commit exactly those whose group it was', async () => {
  const [commits, groups] = recorded('b');
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((entry) => commits.add(entry)));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
  await commits.add('d');
  expect(groups).toEqual([['a'], ['b', 'c'], ['d']]);
});

it('is idle only after the last group', async () => {
  const [commits, groups] = recorded();
  void commits.add('a');
  void commits.add('b');
  await commits.idle();
  expect(groups).toEqual([['a'], ['b']]);
});
