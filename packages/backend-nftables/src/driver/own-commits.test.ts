import { succeed, type Result } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createOwnCommits } from './own-commits.ts';

describe('polls that come together', () => {
  it('share one request, and each later one makes its own', async () => {
    const commits = createOwnCommits();
    let requests = 0;
    const request = (): Promise<Result<number>> => Promise.resolve(succeed(++requests));
    const together = await Promise.all([commits.polled(request), commits.polled(request)]);
    expect(together).toEqual([succeed(1), succeed(1)]);
    expect(await commits.polled(request)).toEqual(succeed(2));
  });
});

describe('own commits', () => {
  it('lead from each generation of an unbroken run to the last one', () => {
    const commits = createOwnCommits();
    commits.add(5, 6);
    commits.add(6, 9);
    expect([4, 5, 6, 8, 9, 10].map((generation) => commits.latestSince(generation))).toEqual([
      4, 9, 9, 9, 9, 10,
    ]);
  });

  it('do not lead across a commit of another process', () => {
    const commits = createOwnCommits();
    commits.add(5, 6);
    commits.add(7, 8);
    expect([5, 6, 7].map((generation) => commits.latestSince(generation))).toEqual([5, 6, 8]);
  });

  it('count on from 2^32 - 1 at 0', () => {
    const commits = createOwnCommits();
    commits.add(0xffff_fffe, 0);
    commits.add(0, 1);
    expect(
      [0xffff_fffd, 0xffff_fffe, 0xffff_ffff, 0, 1, 2].map((generation) => commits.latestSince(generation)),
    ).toEqual([0xffff_fffd, 1, 1, 1, 1, 2]);
  });

  it('lead nowhere where there are none', () => {
    const commits = createOwnCommits();
    commits.add(7, 7);
    expect([0, 7].map((generation) => commits.latestSince(generation))).toEqual([0, 7]);
  });
});

describe('commits of this process', () => {
  it('explain a generation that was read before the last of them', () => {
    const commits = createOwnCommits();
    commits.add(5, 6);
    commits.add(6, 7);
    expect(commits.isOwnStep(6, 5)).toBe(true);
    expect(commits.isOwnStep(5, 7)).toBe(true);
    expect(commits.isOwnStep(8, 7)).toBe(false);
    expect(commits.isOwnStep(4, 7)).toBe(false);
  });

  it('are waited for, as far as they are under way, whether they succeed or not', async () => {
    const commits = createOwnCommits();
    const order: string[] = [];
    const answers: (() => void)[] = [];
    const answer = (): Promise<void> => new Promise((resolve) => answers.push(resolve));
    const taken = commits.follow(answer().then(() => commits.add(5, 6)));
    const failed = commits.follow(answer().then(() => Promise.reject(new Error('closed'))));
    const settled = commits.settled().then(() => order.push(`settled at ${commits.latestSince(5)}`));
    order.push('answers');
    for (const each of answers) each();
    await taken;
    await expect(failed).rejects.toThrow('closed');
    await settled;
    expect(order).toEqual(['answers', 'settled at 6']);
    await commits.settled();
  });
});
