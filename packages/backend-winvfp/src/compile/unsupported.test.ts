import type { Frontend } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { featuresOf } from '../objects/hns-version.ts';
import {
  balancerIP,
  clusterIP,
  context,
  endpoint,
  nodePort,
  service,
  type ServiceShape,
} from '../testing/fixtures.ts';
import { unsupportedOf } from './unsupported.ts';

function reasons(shape: ServiceShape, more = {}): readonly string[] {
  return unsupportedOf(service(shape), context(more)).map((entry) => `${entry.source}: ${entry.reason}`);
}

describe('features that kernelspace mode does not support are reported', () => {
  it('nothing, for a plain cluster IP with DSR', () => {
    expect(reasons({})).toEqual([]);
  });

  it('without DSR the endpoint does not see the client address', () => {
    expect(reasons({}, { enableDSR: false })).toEqual(['any: without DSR the endpoint sees this node']);
  });

  it('S22: policy Local for all sources', () => {
    const frontend: Frontend = {
      ...balancerIP('203.0.113.9', 'local'),
      routes: [
        { source: 'local-pods', target: 'cluster', masquerade: false, rule: 'S22' },
        { source: 'any', target: 'local', masquerade: false, rule: 'S22' },
      ],
    };
    expect(unsupportedOf(service({ frontends: [frontend] }), context())).toEqual([
      {
        frontend: '203.0.113.9:80/tcp',
        source: 'local-pods',
        rule: 'S22',
        reason: 'HNS cannot distinguish sources: all go to the local endpoints',
      },
    ]);
  });

  it('S24: source ranges are not enforced', () => {
    const sourceRanges = { cidrs: ['198.51.100.0/24'], alsoAddresses: [] };
    const frontend = { ...balancerIP('203.0.113.9'), sourceRanges } as Frontend;
    expect(reasons({ frontends: [frontend] })).toEqual([
      'any: HNS load balancers have no source filter: every source may connect',
    ]);
  });

  it('S23: packets are neither rejected nor dropped', () => {
    expect(reasons({ endpoints: [] })[0]).toMatch(/^any: without endpoints there is no load balancer/);
  });

  it('S31: affinity has no timeout', () => {
    expect(reasons({ affinity: { timeoutSeconds: 60 } })).toEqual([
      'any: session affinity has no timeout in HNS',
    ]);
  });

  it('S41: chosen addresses for node ports', () => {
    const nodePorts = { kind: 'ranges', cidrs: ['192.0.2.0/24'], loopback: false } as const;
    expect(reasons({ frontends: [nodePort(30_080)] }, { nodePorts })).toEqual([
      'any: HNS answers on every address of the host, not on chosen ones',
    ]);
  });

  it('endpoints with different ports', () => {
    const endpoints = [endpoint('10.244.1.2', 1), endpoint('10.244.2.2', 2)];
    expect(reasons({ endpoints })).toEqual([
      'any: a load balancer has one internal port: endpoints with another port are left out',
    ]);
  });

  it('policy Local on an HNS without DSR', () => {
    const frontends = [clusterIP('10.96.0.10'), balancerIP('203.0.113.9', 'local')];
    const features = featuresOf({ major: 9, minor: 2 });
    const found = reasons({ frontends }, { features });
    expect(found).toContain('any: without DSR in this HNS policy Local goes to all endpoints');
  });
});
