import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import { noCounts } from './data-path.ts';
import { createUpstream, type Choice } from './upstream.ts';

const ENDPOINTS = [1, 2, 3, 4].map((at) => ({ address: `10.244.1.${at}`, port: 8080, isLocal: true }));
const [FIRST] = ENDPOINTS as [(typeof ENDPOINTS)[number]];

function world(affinity: Choice['policies']['affinity']) {
  const clock = createManualClock();
  const upstream = createUpstream(clock, noCounts().upstream);
  const policies = { affinity, balancing: null };
  const choice: Choice = { policies, endpoints: ENDPOINTS, client: '10.0.0.9' };
  return { clock, upstream, choice };
}

describe.each([-3_600_000, 3_600_000])('when the time of day is set back by %d ms', (offset) => {
  it('an ejection lasts 30 s all the same', () => {
    const { clock, upstream, choice } = world(null);
    for (let at = 0; at < 5; at++) upstream.failed(choice, FIRST);
    clock.setBack(offset);
    clock.advance(29_999);
    expect(upstream.ejected().length).toBe(1);
    clock.advance(1);
    expect(upstream.ejected().length).toBe(0);
  });

  it('session affinity lasts for its timeout all the same', () => {
    const { clock, upstream, choice } = world({ timeoutSeconds: 60 });
    const chosen = (): unknown => upstream.choose(choice, 1).candidates[0];
    const last = upstream.choose(choice, 4).candidates.at(-1) ?? FIRST;
    upstream.connected(choice, last);
    clock.setBack(offset);
    clock.advance(59_999);
    expect(chosen()).toBe(last);
    clock.advance(1);
    expect(chosen()).not.toBe(last);
  });
});
