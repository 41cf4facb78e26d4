import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from './nearest.ts';

const COMMANDS = ['explain', 'describe', 'status', 'version'];

describe('the nearest candidate of a mistyped word', () => {
  it.each([
    ['expalin', 'explain'],
    ['explan', 'explain'],
    ['descrbe', 'describe'],
    ['statsu', 'status'],
    ['run', undefined],
    ['', undefined],
    ['entirely-different', undefined],
  ])('%j: %s', (typed, expected) => {
    expect(nearest(typed, COMMANDS)).toBe(expected);
  });

  it('is offered at the end of an error message', () => {
    expect(didYouMean('jsno', ['text', 'json'])).toBe(' (did you mean json?)');
    expect(didYouMean('ouptut', ['output'], '--')).toBe(' (did you mean --output?)');
    expect(didYouMean('xml', ['text', 'json'])).toBe('');
  });
});
