import { expect, it } from 'vitest';
import { demoArguments } from './start.mjs';

it.each([
  [[], { mode: 'iptables', others: [] }],
  [['--keep'], { mode: 'iptables', others: ['--keep'] }],
  [['--mode=userspace', '--keep'], { mode: 'userspace', others: ['--keep'] }],
  [['--mode=ebpf'], { reason: '--mode: ebpf is not one of iptables, userspace' }],
])('npm start -- %j runs the demo of the mode, or returns the error', (words, expected) => {
  expect(demoArguments(words)).toEqual(expected);
});
