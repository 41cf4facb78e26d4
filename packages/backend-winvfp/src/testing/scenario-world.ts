/** The Windows node of scenarios/README.md: an L2 bridge with node-a's pod ranges, and a CNI plug-in. */
import type { DesiredChange, DesiredServicePort } from '@signalbox/core';
import type { Hns } from '@signalbox/hns-simulator';

export const NETWORK_NAME = 'cbr0';
export const NETWORK_ID = '11111111-1111-1111-1111-111111111111';

export function addBridge(hns: Hns): void {
  const subnet = (prefix: string, hop: string, all: string): object => ({
    IpAddressPrefix: prefix,
    Routes: [{ NextHop: hop, DestinationPrefix: all }],
  });
  const subnets = [
    subnet('10.244.1.0/24', '10.244.1.1', '0.0.0.0/0'),
    subnet('fd00:10:244:1::/64', 'fd00:10:244:1::1', '::/0'),
  ] as { IpAddressPrefix: string }[];
  hns.addNetwork(
    { Name: NETWORK_NAME, Type: 'L2Bridge', Ipams: [{ Type: 'Static', Subnets: subnets }] },
    NETWORK_ID,
  );
}

/** Gives every pod of this node that the change names its HCN endpoint, as the plug-in does before a pod is ready. */
export function attachPods(hns: Hns, change: DesiredChange): void {
  const { added, changed } = change.servicePorts;
  const ports: readonly DesiredServicePort[] = [...added, ...changed.map((entry) => entry.after)];
  const endpoints = ports.flatMap((port) => [...port.clusterEndpoints, ...port.localEndpoints]);
  const local = new Set(endpoints.filter((endpoint) => endpoint.isLocal).map((endpoint) => endpoint.address));
  const held = new Set(
    hns
      .snapshot()
      .endpoints.filter((endpoint) => (endpoint.Flags ?? 0) === 0)
      .flatMap((endpoint) => endpoint.IpConfigurations?.map((entry) => entry.IpAddress)),
  );
  for (const address of [...local].sort()) {
    if (held.has(address) || !/^(10\.244\.1\.|fd00:10:244:1:)/.test(address)) continue;
    hns.attach({
      Name: `pod-${address}`,
      HostComputeNetwork: NETWORK_ID,
      IpConfigurations: [{ IpAddress: address }],
    });
  }
}
