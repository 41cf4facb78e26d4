import { fullChange, type DesiredChange } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import {
  balancerIP,
  clusterIP,
  context,
  externalIP,
  fullOf,
  healthCheck,
  OVERLAY,
  service,
  stateWith,
} from '../testing/fixtures.ts';
import { incremental } from '../testing/random-host.ts';
import { createDesiredObjects, type DesiredObjects } from './desired-objects.ts';

function compiled(change: DesiredChange, more = {}): DesiredObjects {
  const state = createDesiredObjects();
  state.apply(change);
  state.compile(context(more));
  return state;
}

describe('the compiled desired state', () => {
  it('compiles again only the services that a change touches', () => {
    const a = service({ name: 'a', frontends: [clusterIP('10.96.0.1')] });
    const b = service({ name: 'b', frontends: [clusterIP('10.96.0.2')] });
    const state = compiled(fullOf(a, b));
    state.settle(new Set());
    const after = service({ name: 'b', frontends: [clusterIP('10.96.0.3')] });
    state.apply(incremental([], [{ before: b, after }], []));
    state.compile(context());
    expect([...state.dirty].sort()).toEqual(['10.96.0.2:80/tcp', '10.96.0.3:80/tcp']);
  });

  it('compiles everything again when what it depends on changes', () => {
    const state = compiled(fullOf(service()));
    state.settle(new Set());
    state.compile(context({ enableDSR: false }));
    expect([...state.dirty]).toEqual(['10.96.0.10:80/tcp']);
    expect(state.desiredAt('10.96.0.10:80/tcp')?.settings.Flags).toBeUndefined();
  });

  it('S28: of two services at one frontend the first in order has it, and the other one when that is removed', () => {
    const a = service({ name: 'a', frontends: [externalIP('203.0.113.1')] });
    const b = service({ name: 'b', frontends: [externalIP('203.0.113.1')] });
    const state = compiled(fullOf(b, a));
    expect(state.desiredAt('203.0.113.1:80/tcp')?.owner).toBe(a.key);
    state.apply(incremental([], [], [a]));
    state.compile(context());
    expect(state.desiredAt('203.0.113.1:80/tcp')?.owner).toBe(b.key);
    state.apply(incremental([], [], [b]));
    state.compile(context());
    expect(state.desiredAt('203.0.113.1:80/tcp')).toBeUndefined();
  });

  it('a full change removes what is not in it', () => {
    const state = compiled(fullOf(service({ name: 'a' })));
    state.apply(fullOf(service({ name: 'b', frontends: [clusterIP('10.96.0.2')] })));
    state.compile(context());
    expect([...state.frontends().keys()]).toEqual(['10.96.0.2:80/tcp']);
  });

  it('F62: a changed health-check port changes the load balancers of that service alone', () => {
    const forward = { healthCheckVip: { endpointName: 'cbr0', healthzPort: 10_256 } };
    const web = service({ frontends: [balancerIP('203.0.113.9', 'local')] });
    const other = service({ name: 'other', frontends: [balancerIP('203.0.113.8')] });
    const base = {
      ...stateWith(web, other),
      healthChecks: new Map([['ns/web', healthCheck('web', 31_000)]]),
    };
    const state = compiled(fullChange(base), forward);
    expect(state.desiredAt('203.0.113.9:31000/tcp')?.owner).toBe(web.key);
    state.settle(new Set());
    const changed = [{ before: healthCheck('web', 31_000), after: healthCheck('web', 31_001) }];
    state.apply({ ...incremental([], [], []), healthChecks: { added: [], changed, removed: [] } });
    state.compile(context(forward));
    expect([...state.dirty].sort()).toEqual([
      '203.0.113.9:31000/tcp',
      '203.0.113.9:31001/tcp',
      '203.0.113.9:80/tcp',
    ]);
  });

  it('two ports of a cluster IP share one endpoint; the source VIP has its own', () => {
    const tcp = service();
    const udp = service({ protocol: 'UDP' });
    const state = compiled(fullOf(tcp, udp), OVERLAY);
    expect(state.extraEndpoints().map((endpoint) => endpoint.address)).toEqual([
      '10.244.1.100',
      '10.96.0.10',
    ]);
  });
});
