import { HR } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import { endpoint, fullOf, service, testHost, type TestHost } from '../testing/fixtures.ts';
import { attachPod, incremental } from '../testing/random-host.ts';

const NOTHING = incremental([], [], []);
const NOT_OWNED = 'F0000000-0000-4000-8000-000000000001';

/** The first call of this name fails: its effect is unknown. */
function lost(call: string, code: number): TestHost {
  let armed = 1;
  return testHost({ fault: (name) => (name === call && armed-- > 0 ? code : HR.ok) });
}

describe('after a lost reply', () => {
  it.each([HR.fail, HR.rpcUnavailable])(
    '%i: a pod that gets the address later is not owned',
    async (code) => {
      const host = lost('HcnCreateEndpoint', code);
      const far = service({ endpoints: [{ ...endpoint('10.244.1.9'), isLocal: false }] });
      await host.backend.sync(fullOf(far));
      await host.backend.sync(incremental([], [], [far]));
      attachPod(host.hns, '10.244.1.9');
      await host.backend.sync(NOTHING);
      expect(host.hns.snapshot().endpoints.map((entry) => entry.Name)).toContain('pod-10.244.1.9');
    },
  );

  it.each([true, false])(
    'nor a load balancer of others at the frontend (listed in between: %s)',
    async (listed) => {
      const host = lost('HcnCreateLoadBalancer', HR.fail);
      const web = service();
      await host.backend.sync(fullOf(web));
      if (listed) await host.backend.sync(NOTHING);
      await host.backend.sync(incremental([], [], [web]));
      const [pod] = host.hns.snapshot().endpoints;
      host.hns.putLoadBalancer({
        ID: NOT_OWNED,
        HostComputeEndpoints: [pod?.ID ?? ''],
        FrontendVIPs: ['10.96.0.10'],
        PortMappings: [{ Protocol: 6, InternalPort: 1, ExternalPort: 80 }],
      });
      await host.backend.sync(NOTHING);
      expect(host.hns.snapshot().loadBalancers.map((entry) => entry.ID)).toEqual([NOT_OWNED]);
    },
  );
});
