import { expect, it } from 'vitest';
import { encodeRule } from '@signalbox/iptables';
import { sampleEndpoints, sampleService, sampleState } from '../testing/sample-state.ts';
import type { ServiceContext } from './context.ts';
import { affinityRules } from './session-affinity.ts';

it('S33: a client on the lists of two endpoints goes to the first in the order of the set', () => {
  const endpoints = sampleEndpoints(0, 3);
  const service = { ...sampleService({ index: 0, endpoints }), affinity: { timeoutSeconds: 600 } };
  const context: ServiceContext = {
    family: 'IPv4',
    node: sampleState([]).node,
    options: {
      endpointChains: 'always',
      masqueradeMark: 0x4000,
      randomFully: true,
      conntrackLiberal: false,
      accounting: false,
    },
    endpointComments: 'left-out',
    endpointChain: ({ address }) => `KUBE-SEP-${address}`,
  };
  const rules = affinityRules(service, endpoints, context).map((rule) => encodeRule(rule, 'IPv4'));
  expect(rules).toHaveLength(3);
  for (const [index, { address }] of endpoints.entries()) {
    expect(rules[index]).toContain(`--seconds 600 --reap --name KUBE-SEP-${address}`);
    expect(rules[index]).toMatch(new RegExp(`-j KUBE-SEP-${address}$`));
  }
});
