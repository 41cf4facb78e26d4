import { sampleServicePort } from '@signalbox/backend-kit/testing';
import type { Frontend, Route } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { route, withRoutes } from '../testing/compiled.ts';
import { refusal, refusalMap } from './no-endpoints.ts';

function frontend(kind: Frontend['kind'], ...targets: readonly Route['target'][]): Frontend {
  const service = withRoutes(
    sampleServicePort('IPv4', { exposed: 'cluster' }),
    targets.map((target) => route('any', target)),
  );
  const found = service.frontends.find((each) => each.kind === kind);
  if (found === undefined) throw new Error(`the sample has no ${kind}`);
  return found;
}

describe('frontends that refuse (S16, S22, S23)', () => {
  it('are named with the refusal of their last route', () => {
    expect(refusal(frontend('cluster-ip', 'reject'))).toBe('goto reject-chain');
    expect(refusal(frontend('cluster-ip', 'cluster', 'drop'))).toBe('drop');
    expect(refusal(frontend('cluster-ip', 'cluster'))).toBeNull();
  });

  it('are in the map of addresses, or in that of node ports', () => {
    expect(refusalMap(frontend('cluster-ip'))).toBe('no-endpoint-services');
    expect(refusalMap(frontend('node-port'))).toBe('no-endpoint-nodeports');
  });
});
