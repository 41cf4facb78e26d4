import { describe, expect, it } from 'vitest';
import type { ToolEnd } from './run-tool.ts';
import { restoreError } from './tool-errors.ts';

const ONE = '*nat\n:A - [0:0]\n-A A -j B\nCOMMIT\n';
const TWO = `*filter\nCOMMIT\n${ONE}`;
const exit = (status: number, stderr: string): ToolEnd => ({ kind: 'exit', status, stdout: '', stderr });

describe('restoreError', () => {
  it.each([
    [
      'busy',
      'unchanged',
      ONE,
      exit(4, 'Another app is currently holding the xtables lock. Stopped waiting after 1s.'),
    ],
    [
      'busy',
      'unknown',
      TWO,
      exit(4, 'Another app is currently holding the xtables lock. Stopped waiting after 1s.'),
    ],
    [
      'rejected',
      'unchanged',
      ONE,
      exit(
        4,
        'iptables-nft-restore v1.8.9 (nf_tables): \nline 2: CHAIN_DEL failed (Device or resource busy): chain Y',
      ),
    ],
    ['rejected', 'unchanged', ONE, exit(1, 'iptables-restore: line 3 failed')],
    ['rejected', 'unknown', TWO, exit(2, "iptables-restore v1.8.9 (legacy): Couldn't load target `B'")],
    [
      'not-permitted',
      'unchanged',
      ONE,
      exit(4, 'Could not fetch rule set generation id: Permission denied (you must be root)'),
    ],
    [
      'unavailable',
      'unchanged',
      TWO,
      { kind: 'not-started', reason: 'spawn iptables-restore ENOENT', cause: 'missing' } as const,
    ],
    ['timeout', 'unknown', ONE, { kind: 'timeout', stderr: '' } as const],
    ['unavailable', 'unknown', ONE, { kind: 'killed', signal: 'SIGKILL', stderr: '' } as const],
  ])('is %s with the kernel %s', (code, kernel, input, end) => {
    expect(restoreError('iptables-restore', end, input)).toMatchObject({ code, kernel });
  });

  it('contains the lines around the one that failed', () => {
    const error = restoreError('iptables-restore', exit(1, 'iptables-restore: line 3 failed'), ONE);
    expect(error.message).toBe('exit status 1: iptables-restore: line 3 failed');
    expect(error.detail).toBe(
      'iptables-restore: line 3 failed\n  1: *nat\n  2: :A - [0:0]\n> 3: -A A -j B\n  4: COMMIT\n  5: ',
    );
  });
});
