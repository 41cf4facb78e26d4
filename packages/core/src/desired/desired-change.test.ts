import { describe, expect, it } from 'vitest';
import { fullChange, isEmptyChangeSet } from './desired-change.ts';
import type { DesiredState } from './desired-state.ts';

const empty: DesiredState = {
  family: 'IPv4',
  node: {
    name: 'node-a',
    localDetector: { kind: 'none' },
    clusterIPMasquerade: 'none',
    nodePortAddresses: { kind: 'any-local', loopback: false },
    nodePortIPs: [],
    serviceCIDRs: [],
  },
  servicePorts: new Map(),
  healthChecks: new Map(),
  counts: { servicePorts: 0, endpoints: 0, noLocalEndpointsInternal: 0, noLocalEndpointsExternal: 0 },
};

describe('fullChange', () => {
  it('of an empty state names no service port but marks the node as changed', () => {
    const change = fullChange(empty);
    expect(change.kind).toBe('full');
    expect(change.nodeChanged).toBe(true);
    expect(isEmptyChangeSet(change.servicePorts)).toBe(true);
  });
});
