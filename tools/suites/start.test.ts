import { expect, it } from 'vitest';
import { demoArguments, outdatedLines } from './start.mjs';

it.each([
  [[], { mode: 'iptables', others: [] }],
  [['--keep'], { mode: 'iptables', others: ['--keep'] }],
  [['--mode=userspace', '--keep'], { mode: 'userspace', others: ['--keep'] }],
  [['--mode=ebpf'], { reason: '--mode: ebpf is not one of iptables, userspace' }],
])('npm start -- %j runs the demo of the mode, or returns the error', (words, expected) => {
  expect(demoArguments(words)).toEqual(expected);
});

it('the picture in README.md may differ from the output in numbers, bars and columns, and in nothing else', () => {
  const readme = 'text\n```text demo\nThe end\n…\n  pod  10.0.0.1:80/tcp  28 ████▋   3 ▌\n  gone 5\n```\n';
  const output = 'start\nThe end\n  pod 10.0.0.1:80/tcp      7 █      23 ███▉\n';
  expect(outdatedLines(readme, output)).toEqual(['  gone 5']);
  expect(outdatedLines('text\n', output)).toEqual(['README.md has no block "text demo"']);
});
