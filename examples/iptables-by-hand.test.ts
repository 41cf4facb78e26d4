import { createFakeIptables } from '@signalbox/iptables/testing';
import { expect, it } from 'vitest';
import { programByHand } from './iptables-by-hand.ts';

it('a service made by hand reaches the nat table', async () => {
  const table = await programByHand(createFakeIptables({ family: 'IPv4' }).driver);
  expect(table).toContain(
    '-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "by-hand/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-',
  );
  expect(table.match(/--to-destination 10\.244\.[12]\.\d:8080/g)).toHaveLength(2);
});
