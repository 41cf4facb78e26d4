import { describe, expect, it } from 'vitest';
import { contextOf } from '../context.ts';
import { featuresOf } from '../objects/hns-version.ts';
import type { CompileContext } from '../objects/desired.ts';
import {
  balancerIP,
  clusterIP,
  context,
  endpoint,
  OVERLAY,
  service,
  stateWith,
} from '../testing/fixtures.ts';
import { compileService } from './service-dispatch.ts';

const OLD: Partial<CompileContext> = { features: featuresOf({ major: 9, minor: 2 }), enableDSR: false };
const FORWARD = { healthCheckVip: { endpointName: 'cbr0', healthzPort: 10_256 } };

describe('the endpoints of a frontend', () => {
  it('a cluster IP with policy Local has those of this node without DSR, too', () => {
    const local = service({ frontends: [clusterIP('10.96.0.10', 'local')] });
    const [balancer] = compileService(local, null, context(OLD)).loadBalancers;
    expect(balancer?.endpoints).toEqual([{ kind: 'local', address: '10.244.1.2' }]);
  });

  it('of two target ports that equally many endpoints serve, the lower counts', () => {
    const endpoints = [endpoint('10.244.1.2', 9090), endpoint('10.244.1.3', 8080)];
    const [balancer] = compileService(service({ endpoints }), null, context()).loadBalancers;
    expect(balancer?.settings.PortMappings[0]?.InternalPort).toBe(8080);
    expect(balancer?.endpoints).toEqual([{ kind: 'local', address: '10.244.1.3' }]);
  });
});

describe('F62: the load balancer of health checks', () => {
  const health = (more: Partial<CompileContext>, windows = {}) =>
    compileService(
      service({ frontends: [balancerIP('203.0.113.9')], windows }),
      null,
      context({ ...FORWARD, ...more }),
    ).loadBalancers[1]?.settings;

  it('has the source VIP on an overlay network alone', () => {
    expect(health(OVERLAY)?.SourceVIP).toBe('10.244.1.100');
    expect(health({})).not.toHaveProperty('SourceVIP');
  });

  it('does not keep the destination where HNS has no DSR', () => {
    expect(health(OLD, { preserveDestination: true })?.PortMappings[0]).not.toHaveProperty('Flags');
  });
});

describe('the context', () => {
  const options = {
    family: 'IPv4',
    networkName: 'cbr0',
    nodeIP: '192.0.2.10',
    hcn: { call: neverCalled },
  } as const;
  const of = (ID: string, more = {}) =>
    contextOf(
      { ...options, ...more },
      { ID, Name: 'cbr0' },
      featuresOf({ major: 15, minor: 5 }),
      stateWith().node,
    );

  function neverCalled(): never {
    throw new Error('a context asks HNS nothing');
  }

  it('is the same however HNS spells the id of the network', () => {
    expect(of('abc')).toEqual(of('ABC'));
  });

  it('F61: forwards no health checks without the name of an endpoint', () => {
    const forwardHealthCheckVip = true;
    expect(of('A', { forwardHealthCheckVip }).healthCheckVip?.endpointName).toBe('cbr0');
    expect(of('A', { forwardHealthCheckVip, rootHnsEndpointName: '' }).healthCheckVip).toBeNull();
  });
});
