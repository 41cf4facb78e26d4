import { describe, expect, it } from 'vitest';
import { subjectProblem } from './check-commits.mjs';

describe('the subject of a commit', () => {
  it.each([
    'core: a test that a node about to be deleted is not eligible',
    'netlink, backend-nftables: nftables mode as a library',
    'apps/proxy: one record a mode',
    `x: ${'y'.repeat(69)}`,
  ])('is accepted: %s', (subject) => {
    expect(subjectProblem(subject)).toBeNull();
  });

  it.each([
    ['without an area', 'Fix the tests', 'not "area: what changed": Fix the tests'],
    ['with an empty area', ': something', 'not "area: what changed": : something'],
    ['with nothing behind the area', 'core: ', 'not "area: what changed": core: '],
    ['of 73 characters', `x: ${'y'.repeat(70)}`, `73 characters (at most 72): x: ${'y'.repeat(70)}`],
  ])('is refused %s', (_, subject, problem) => {
    expect(subjectProblem(subject)).toBe(problem);
  });
});
