/** Whether the configuration fits the IP families that this node can serve. */
import {
  expandNodePortWords,
  familyOf,
  FAMILIES,
  namesLoopback,
  PRIMARY_ADDRESS,
  type Family,
  type NodeView,
} from '@signalbox/core';
import { isUnspecified, parseAddressPort, parseCidr } from '../config/ip.ts';
import type { KubeProxyConfiguration } from '../config/types.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';

export interface FamilyVerdict {
  /** Nothing can be done; one line. */
  readonly fatal: string | null;
  readonly warnings: readonly string[];
}

/** The configuration, and the mode that it names. */
export interface CheckedSettings {
  readonly config: KubeProxyConfiguration;
  readonly mode: Pick<ProxyMode, 'name' | 'configuration' | 'localNodePorts'>;
}

export function checkFamilies(settings: CheckedSettings, families: readonly Family[]): FamilyVerdict {
  const { config } = settings;
  const warnings = [...nodePortWarnings(config), ...loopbackWarnings(settings)];
  if (families.length === 0) {
    return {
      fatal: `no support for proxy mode ${config.mode} on this node: neither IPv4 nor IPv6 works`,
      warnings,
    };
  }
  const primary = isUnspecified(config.bindAddress) ? null : familyOf(config.bindAddress);
  if (primary !== null && !families.includes(primary)) {
    return {
      fatal: `no ${primary} support for proxy mode ${config.mode}, but bindAddress is ${config.bindAddress}`,
      warnings,
    };
  }
  if (families.length > 1) return { fatal: null, warnings };
  const only = families[0] ?? 'IPv4';
  if (config.detectLocalMode === 'ClusterCIDR' && allOfAnother(clusterCidrs(config), only)) {
    return {
      fatal: `clusterCIDR ${config.clusterCIDR} has no ${only} range, and this node serves ${only} only`,
      warnings,
    };
  }
  return { fatal: null, warnings: [...warnings, ...singleStackWarnings(config, only)] };
}

/**
 * What can be checked only when the Node is known, since its first address decides which family is the primary one (F117).
 * Unlike above, a range of the secondary family only is of some use where both families work.
 */
export function checkNode(
  config: KubeProxyConfiguration,
  families: readonly Family[],
  { ips, primaryFamily, podCIDRs }: NodeView,
): FamilyVerdict {
  if (ips[primaryFamily] !== undefined && !families.includes(primaryFamily)) {
    const why = `the primary address of this node is ${ips[primaryFamily]}`;
    return { fatal: `no ${primaryFamily} support for proxy mode ${config.mode}, but ${why}`, warnings: [] };
  }
  const { detectLocalMode, nodePortAddresses } = config;
  const misfit = (name: string, cidrs: readonly string[]): string[] =>
    allOfAnother(cidrs, primaryFamily)
      ? [`${name} ${cidrs.join()} has no ${primaryFamily} range, and this node is primarily ${primaryFamily}`]
      : [];
  const warnings = [
    ...(detectLocalMode === 'ClusterCIDR' ? misfit('clusterCIDR', clusterCidrs(config)) : []),
    ...misfit(
      'nodePortAddresses',
      nodePortAddresses.includes(PRIMARY_ADDRESS) ? [] : expandNodePortWords(nodePortAddresses),
    ),
  ];
  const [podMisfit] = detectLocalMode === 'NodeCIDR' ? misfit('podCIDRs of the Node:', podCIDRs) : [];
  return { fatal: podMisfit ?? null, warnings };
}

function clusterCidrs({ clusterCIDR }: KubeProxyConfiguration): readonly string[] {
  return clusterCIDR === '' ? [] : clusterCIDR.split(',');
}

function allOfAnother(cidrs: readonly string[], family: Family): boolean {
  return cidrs.length > 0 && cidrs.every((text) => parseCidr(text)?.family !== family);
}

function singleStackWarnings(config: KubeProxyConfiguration, only: Family): string[] {
  const warnings: string[] = [];
  for (const name of ['healthzBindAddress', 'metricsBindAddress'] as const) {
    const address = parseAddressPort(config[name]);
    // An unspecified address is every address of this node, whatever its families.
    if (typeof address === 'string' || isUnspecified(address.host)) continue;
    if (familyOf(address.host) !== only) {
      warnings.push(`${name} ${config[name]} is not ${only}, the only IP family of this node`);
    }
  }
  for (const cidr of config.ipvs.excludeCIDRs) {
    if (parseCidr(cidr)?.family !== only)
      warnings.push(`ipvs.excludeCIDRs: ${cidr} is not ${only}, the only IP family of this node`);
  }
  return warnings;
}

/** S40. An address of every family stands for those that are no loopback addresses, as without the list. */
function loopbackWarnings({ config, mode }: CheckedSettings): string[] {
  const isAsked = FAMILIES.some((family) => namesLoopback(config.nodePortAddresses, family));
  const isServed =
    mode.configuration.localhostNodePorts(config) || mode.localNodePorts?.isEnabled(config) === true;
  if (!isAsked || isServed) return [];
  const what = 'node ports do not answer at loopback addresses (127.0.0.0/8, ::1)';
  return [`nodePortAddresses: ${what} in proxy mode ${mode.name}`];
}

function nodePortWarnings({ nodePortAddresses, clusterCIDR }: KubeProxyConfiguration): string[] {
  if (nodePortAddresses.length === 0) {
    return [
      'nodePortAddresses is empty: node ports answer on every address of this node; consider "--nodeport-addresses primary"',
    ];
  }
  const families = new Set(expandNodePortWords(nodePortAddresses).map((text) => parseCidr(text)?.family));
  const dual = clusterCIDR.includes(',');
  return dual && !nodePortAddresses.includes(PRIMARY_ADDRESS) && families.size === 1
    ? [
        `nodePortAddresses ${nodePortAddresses.join()} names one IP family only; node ports of the other answer on every address`,
      ]
    : [];
}
