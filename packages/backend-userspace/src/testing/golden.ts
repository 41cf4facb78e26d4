/** Sockets and addresses as text, one a line, in the style of `ss` and `ip`, with the frontend that each one serves. */
import {
  formatAddressPort,
  servicePortLabel,
  type DesiredEndpoint,
  type Family,
  type Route,
} from '@signalbox/core';
import { endpointsOf, isEndpointSet } from '@signalbox/core';
import type { Listener } from '../objects/listener.ts';
import { SERVICE_DEVICE } from '../objects/observed.ts';
import type { FakeNode } from './fake-node.ts';

export function describeNode(node: FakeNode, family: Family): string {
  const isOfFamily = (address: string): boolean => address.includes(':') === (family === 'IPv6');
  const addresses = [...node.addresses.keys()].filter(isOfFamily).toSorted();
  const listeners = [...node.listeners]
    .filter(([, { address }]) => isOfFamily(address))
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  return [
    ...addresses.map((address) => `address ${address} dev ${SERVICE_DEVICE}`),
    ...listeners.flatMap(([key, listener]) => describeListener(key, listener)),
  ].join('\n');
}

function describeListener(key: string, { frontend, servicePort }: Listener): readonly string[] {
  const { affinity } = servicePort;
  const sticky = affinity === null ? '' : ` affinity ${affinity.timeoutSeconds}s`;
  const ranges = frontend.kind === 'load-balancer' ? frontend.sourceRanges : null;
  const allowed = ranges === null ? '' : ` from ${[...ranges.cidrs, ...ranges.alsoAddresses].join(' ')}`;
  return [
    `listen ${key} # ${servicePortLabel(servicePort.name)} ${frontend.kind}${sticky}${allowed}`,
    ...frontend.routes.map(
      (route) => `  ${route.source}: ${targetOf(route, endpointsOf(route, servicePort))}`,
    ),
  ];
}

function targetOf({ target }: Route, endpoints: readonly DesiredEndpoint[]): string {
  if (!isEndpointSet(target)) return target;
  return endpoints.map(({ address, port }) => formatAddressPort(address, port)).join(' ');
}
