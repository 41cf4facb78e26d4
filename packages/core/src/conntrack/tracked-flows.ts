/** Types and functions that the selections of flows share. */
import type { DesiredServicePort, DesiredState, Frontend } from '../desired/desired-state.ts';
import { PROTOCOL_NUMBER, type Protocol } from '../model/family.ts';
import { formatAddressPort } from '../model/ip.ts';
import type { Flow } from './flow.ts';

/** The fields of a frontend that identify the flows addressed to it. */
type FlowFrontend =
  | { readonly kind: 'node-port'; readonly port: number }
  | {
      readonly kind: Exclude<Frontend['kind'], 'node-port'>;
      readonly address: string;
      readonly port: number;
    };

/** The fields of a service port that decide about its flows. */
export interface FlowServicePort {
  readonly name: { readonly protocol: Protocol };
  readonly frontends: readonly FlowFrontend[];
  /** As in `DesiredServicePort`: flows to these are not stale. */
  readonly servingEndpoints: readonly Pick<
    DesiredServicePort['servingEndpoints'][number],
    'address' | 'port'
  >[];
}

export function isTracked({ name }: Pick<FlowServicePort, 'name'>): boolean {
  return name.protocol === 'UDP' || name.protocol === 'SCTP';
}

export function isTrackedFlow({ protocol }: Flow): boolean {
  return protocol === PROTOCOL_NUMBER.UDP || protocol === PROTOCOL_NUMBER.SCTP;
}

export function vipKey(protocol: number, address: string, port: number): string {
  return `${protocol} ${formatAddressPort(address, port)}`;
}

/** Keys of the cluster IPs, external IPs and load-balancer IPs of UDP and SCTP service ports whose port `selects`. */
export function trackedVips(
  { servicePorts }: Pick<DesiredState, 'servicePorts'>,
  selects: (protocol: number, port: number) => boolean,
): ReadonlySet<string> {
  const vips = new Set<string>();
  for (const servicePort of servicePorts.values()) {
    if (!isTracked(servicePort)) continue;
    const protocol = PROTOCOL_NUMBER[servicePort.name.protocol];
    for (const frontend of servicePort.frontends) {
      if (frontend.kind === 'node-port' || !selects(protocol, frontend.port)) continue;
      vips.add(vipKey(protocol, frontend.address, frontend.port));
    }
  }
  return vips;
}

/** Replies come from another address or port than the client connected to. */
export function wasRedirected({ original, reply }: Flow): boolean {
  return reply.source !== original.destination || reply.sourcePort !== original.destinationPort;
}
