import { describe, expect, it } from 'vitest';
import type { Attempt } from './agent/protocol.ts';
import type { ReplayRow } from './check-replay.ts';
import { checkStreams, type StreamEvidence } from './check-streams.ts';

const ROW: ReplayRow = {
  entry: 'pod',
  packet: {
    protocol: 'TCP',
    source: '10.244.1.20',
    inInterface: 'cni0',
    destination: '10.96.0.10',
    destinationPort: 80,
  },
  expected: { kind: 'forward', destinations: [{ address: '10.244.1.5', port: 8080, masquerade: false }] },
  sticky: false,
};

function answeredBy(address: string): Attempt {
  return {
    kind: 'answered',
    endpoint: { address, port: 8080 },
    peer: { address: '10.244.1.20', port: 1024 },
  };
}

const RIGHT = answeredBy('10.244.1.5');
const REFUSED: Attempt = { kind: 'rejected', code: 'ECONNREFUSED' };
const SILENT: Attempt = { kind: 'silent' };

function check(
  attempts: readonly Attempt[],
  more: Partial<StreamEvidence> & { readonly syns?: number },
): ReturnType<typeof checkStreams> {
  const { syns = 0, ...evidence } = more;
  return checkStreams({
    streams: [{ row: ROW, attempts: [...attempts] }],
    repeatedSyns: new Map([['pod-20', syns]]),
    controlWaited: 30,
    patience: 10_000,
    ...evidence,
  });
}

describe('streams of connections', () => {
  it('are unharmed when all were answered by the right endpoint, however slow the machine is', () => {
    expect(check([RIGHT, RIGHT], { controlWaited: 5000 })).toEqual({ problems: [], tooSlow: false });
  });

  it('are harmed by a SYN that was lost while the control went on', () => {
    expect(check([RIGHT], { syns: 1, controlWaited: 700 })).toEqual({
      problems: ['pod-20 had to send 1 SYNs again'],
      tooSlow: false,
    });
  });

  it('are inconclusive when a SYN was repeated and the control waited as long', () => {
    expect(check([RIGHT], { syns: 2, controlWaited: 1010 })).toEqual({
      problems: ['pod-20 had to send 2 SYNs again'],
      tooSlow: true,
    });
  });

  it('are harmed by silence unless the control was silent as long', () => {
    const problems = ['10.244.1.20 to 10.96.0.10: 1x silence'];
    expect(check([RIGHT, SILENT], { controlWaited: 9000 })).toEqual({ problems, tooSlow: false });
    expect(check([RIGHT, SILENT], { controlWaited: 10_000 })).toEqual({ problems, tooSlow: true });
  });

  it.each([
    ['a refusal', REFUSED, 'not every connection was answered: 1x rejected (ECONNREFUSED)'],
    [
      'a wrong endpoint',
      answeredBy('10.244.1.30'),
      '10.244.1.30:8080 answered, which is none of the destinations',
    ],
  ])('are harmed by %s, which no slowness excuses', (_, attempt, text) => {
    expect(check([RIGHT, attempt, SILENT], { syns: 3, controlWaited: 60_000 })).toEqual({
      problems: [
        `10.244.1.20 to 10.96.0.10: ${text}`,
        '10.244.1.20 to 10.96.0.10: 1x silence',
        'pod-20 had to send 3 SYNs again',
      ],
      tooSlow: false,
    });
  });

  it('are harmed when an endpoint was never chosen', () => {
    expect(check([SILENT], { controlWaited: 60_000 }).tooSlow).toBe(false);
  });
});
