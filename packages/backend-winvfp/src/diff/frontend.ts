/** The frontend of an HCN load balancer, derived from its document. */
import { FAMILIES, familyOf, PROTOCOL_NUMBER, PROTOCOLS, type Family } from '@signalbox/core';
import { frontendName, idKey } from '../compile/names.ts';
import { addressKey } from '../objects/address.ts';
import { LOAD_BALANCER_FLAGS, PORT_MAPPING_FLAGS, type HcnLoadBalancer } from '../objects/hcn-documents.ts';
import type { LoadBalancerType } from '../objects/desired.ts';

/** kube-proxy does not set the IPv6 flag on every policy with an IPv6 VIP: the VIP counts before the flag. */
export function loadBalancerFamily(document: HcnLoadBalancer): Family {
  const vip = document.FrontendVIPs?.[0];
  if (vip !== undefined) return familyOf(vip);
  const ipv6 = ((document.Flags ?? 0) & LOAD_BALANCER_FLAGS.ipv6) !== 0;
  return ipv6 ? 'IPv6' : (FAMILIES[0] ?? 'IPv4');
}

/** The type of its frontend, as far as the document shows; external and ingress IPs cannot be distinguished. */
export function loadBalancerType(document: HcnLoadBalancer): LoadBalancerType {
  if ((document.FrontendVIPs ?? []).length === 0) return 'nodeport';
  const flags = document.PortMappings[0]?.Flags ?? 0;
  return (flags & PORT_MAPPING_FLAGS.vipExternalIp) === 0 ? 'clusterip' : 'externalip';
}

/** `null` for one of a form that no service proxy creates: several VIPs or port mappings, an unknown protocol. */
export function frontendOf(document: HcnLoadBalancer): string | null {
  const vips = document.FrontendVIPs ?? [];
  const mapping = document.PortMappings?.[0];
  if (vips.length > 1 || document.PortMappings?.length !== 1 || mapping === undefined) return null;
  const protocol = PROTOCOLS.find((name) => PROTOCOL_NUMBER[name] === mapping.Protocol);
  if (protocol === undefined) return null;
  const vip = vips[0];
  return frontendName(vip === undefined ? '' : addressKey(vip), mapping.ExternalPort, protocol);
}

/** Whether both have the same VIP, protocol and port, whatever else differs. */
export function sharesFrontend(
  left: Pick<HcnLoadBalancer, 'FrontendVIPs' | 'PortMappings'>,
  right: Pick<HcnLoadBalancer, 'FrontendVIPs' | 'PortMappings'>,
): boolean {
  const claimsOf = ({ FrontendVIPs = [], PortMappings }: typeof left): readonly string[] =>
    FrontendVIPs.flatMap((vip) =>
      PortMappings.map(({ Protocol, ExternalPort }) => `${addressKey(vip)} ${Protocol} ${ExternalPort}`),
    );
  const claims = new Set(claimsOf(left));
  return claimsOf(right).some((claim) => claims.has(claim));
}

/** Equality of documents as HNS interprets them: order and case of ids, spelling of addresses and zero fields do not count. */
export function sameLoadBalancer(
  left: Omit<HcnLoadBalancer, 'ID'>,
  right: Omit<HcnLoadBalancer, 'ID'>,
): boolean {
  return fingerprint(left) === fingerprint(right);
}

/** Whether they have the same endpoints and internal ports, all that `HcnModifyLoadBalancer` changes. */
export function sameEndpoints(
  left: Omit<HcnLoadBalancer, 'ID'>,
  right: Omit<HcnLoadBalancer, 'ID'>,
): boolean {
  const bare = ({ HostComputeEndpoints, PortMappings }: typeof left): string =>
    JSON.stringify([
      HostComputeEndpoints.map(idKey).sort(),
      PortMappings.map(({ InternalPort }) => InternalPort),
    ]);
  return bare(left) === bare(right);
}

/** Whether they differ in nothing but what `HcnModifyLoadBalancer` is known to change: endpoints and internal port. */
export function sameButEndpoints(
  left: Omit<HcnLoadBalancer, 'ID'>,
  right: Omit<HcnLoadBalancer, 'ID'>,
): boolean {
  const bare = (document: Omit<HcnLoadBalancer, 'ID'>): Omit<HcnLoadBalancer, 'ID'> => ({
    ...document,
    HostComputeEndpoints: [],
    PortMappings: document.PortMappings.map((mapping) => ({ ...mapping, InternalPort: 0 })),
  });
  return fingerprint(bare(left)) === fingerprint(bare(right));
}

/** Equal for documents that mean the same. */
export function fingerprint(document: Omit<HcnLoadBalancer, 'ID'>): string {
  return JSON.stringify(normalized(document));
}

/** All fields that count, in one order and spelling. */
export function normalized(document: Omit<HcnLoadBalancer, 'ID'>) {
  return {
    HostComputeEndpoints: document.HostComputeEndpoints.map((id) => id.toUpperCase()).sort(),
    SourceVIP: addressKey(document.SourceVIP ?? ''),
    FrontendVIPs: (document.FrontendVIPs ?? []).map(addressKey).sort(),
    PortMappings: document.PortMappings.map((mapping) => ({
      Protocol: mapping.Protocol,
      InternalPort: mapping.InternalPort,
      ExternalPort: mapping.ExternalPort,
      DistributionType: mapping.DistributionType ?? 0,
      Flags: mapping.Flags ?? 0,
    })),
    Flags: document.Flags ?? 0,
  };
}
