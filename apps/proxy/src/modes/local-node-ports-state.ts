/** The part of the desired state that clients at a loopback address reach: TCP node ports. Pure. */
import {
  LOOPBACK_ADDRESS,
  loopbackNodePort,
  type DesiredNode,
  type DesiredServicePort,
  type DesiredState,
} from '@signalbox/core';

/** The core keeps objects that did not change; so does this. */
const known = new WeakMap<DesiredServicePort, DesiredServicePort | null>();

export function localNodePortsState(state: DesiredState): DesiredState {
  const served = [...state.servicePorts.values()].flatMap((each) => {
    const own = known.has(each) ? known.get(each) : onlyNodePort(each);
    known.set(each, own ?? null);
    return own ?? [];
  });
  return {
    ...state,
    node: onlyLoopback(state.node, LOOPBACK_ADDRESS[state.family]),
    servicePorts: new Map(served.map((each) => [each.key, each])),
    healthChecks: new Map(),
  };
}

function onlyNodePort(servicePort: DesiredServicePort): DesiredServicePort | null {
  const frontend = loopbackNodePort(servicePort);
  return frontend === null ? null : { ...servicePort, frontends: [frontend] };
}

function onlyLoopback(node: DesiredNode, address: string): DesiredNode {
  const cidrs = [`${address}/${address.includes(':') ? 128 : 32}`];
  return {
    ...node,
    localDetector: { kind: 'none' },
    nodePortAddresses: { kind: 'ranges', cidrs, loopback: true },
    nodePortIPs: [address],
  };
}
