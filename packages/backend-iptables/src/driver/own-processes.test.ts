import { describe, expect, it } from 'vitest';
import { createOwnProcesses, isRestoreProgram } from './own-processes.ts';

const RESTORE = 'iptables-nft-re';

function lab(pids: 'global' | 'namespaced') {
  const clock = { ms: 0 };
  return { clock, own: createOwnProcesses({ pids, writes: isRestoreProgram, now: () => clock.ms }) };
}

describe('createOwnProcesses', () => {
  it('knows children by their ids where the kernel reports the same', () => {
    const { own } = lab('global');
    own.started(100);
    own.ended(100);
    expect(own.isOwn({ pid: 100, program: RESTORE })).toBe(true);
    expect(own.isOwn({ pid: 101, program: RESTORE })).toBe(false);
  });

  it('forgets ids that come round again', () => {
    const { own } = lab('global');
    for (let pid = 1; pid <= 300; pid++) own.started(pid);
    expect(own.isOwn({ pid: 1, program: RESTORE })).toBe(false);
    expect(own.isOwn({ pid: 300, program: RESTORE })).toBe(true);
  });

  it('in a container goes by the program and by whether one of ours is at work', () => {
    const { own, clock } = lab('namespaced');
    expect(own.isOwn({ pid: 5000, program: RESTORE })).toBe(false);
    own.started(7);
    expect(own.isOwn({ pid: 5000, program: RESTORE })).toBe(true);
    expect(own.isOwn({ pid: 5000, program: 'nft' })).toBe(false);
    expect(own.isOwn({ pid: 5000, program: 'iptables-nft' })).toBe(false);
    own.ended(7);
    clock.ms = 1_000;
    expect(own.isOwn({ pid: 5000, program: RESTORE })).toBe(true);
    clock.ms = 10_000;
    expect(own.isOwn({ pid: 5000, program: RESTORE })).toBe(false);
  });
});
