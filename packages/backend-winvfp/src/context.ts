/** Computes the compiler's context from the options and the network as HNS reports it. */
import { backendError, type BackendError, type DesiredNode, type ServiceFailure } from '@signalbox/core';
import type { HcnNetwork } from './objects/hcn-documents.ts';
import type { HnsFeatures, HnsVersion } from './objects/hns-version.ts';
import type { CompileContext, RemoteSubnet } from './objects/desired.ts';
import type { WinvfpOptions } from './options.ts';

export function contextOf(
  options: WinvfpOptions,
  network: HcnNetwork,
  features: HnsFeatures,
  node: DesiredNode,
): CompileContext {
  const overlay = isOverlay(network);
  const nodeIP = typeof options.nodeIP === 'string' ? options.nodeIP : options.nodeIP();
  const healthCheckVip = {
    endpointName: options.rootHnsEndpointName ?? 'cbr0',
    healthzPort: options.healthzPort ?? 10_256,
  };
  const forward = options.forwardHealthCheckVip === true && healthCheckVip.endpointName !== '';
  return {
    family: options.family,
    features,
    network: { id: network.ID.toUpperCase(), overlay, remoteSubnets: overlay ? remoteSubnets(network) : [] },
    enableDSR: options.enableDSR ?? false,
    sourceVip: overlay ? (options.sourceVip ?? '') : '',
    nodeIP,
    hostMac: overlay ? hostMacOf(options, nodeIP) : '',
    healthCheckVip: forward ? healthCheckVip : null,
    nodePorts: node.nodePortAddresses,
  };
}

/** Whether the network supports this family: its type (overlay) may become known only after the families were chosen. */
export function isServed({ family, primary = family }: WinvfpOptions, network: HcnNetwork): boolean {
  return family === primary || !isOverlay(network);
}

/** Reported as long as there are Services that need it; a failed sync would make the other family of the node not ready. */
export function unservedFailures(
  { family, networkName }: WinvfpOptions,
  services: number,
): readonly ServiceFailure[] {
  const message = `${networkName} is an overlay network, which has one family: ${services} service ports of ${family} do not work`;
  const error = backendError('unsupported', 'kernelspace', message, { kernel: 'unchanged' });
  return services === 0 ? [] : [{ key: `network ${networkName}`, error }];
}

function hostMacOf({ hostMac = '' }: WinvfpOptions, nodeIP: string): string {
  return typeof hostMac === 'string' ? hostMac : (hostMac(nodeIP) ?? '');
}

export function isOverlay(network: HcnNetwork): boolean {
  return network.Type?.toLowerCase() === 'overlay';
}

function remoteSubnets(network: HcnNetwork): readonly RemoteSubnet[] {
  const routes = (network.Policies ?? []).filter((policy) => policy.Type === 'RemoteSubnetRoute');
  return routes.flatMap(({ Settings: { DestinationPrefix, ProviderAddress } }) =>
    typeof DestinationPrefix === 'string' && typeof ProviderAddress === 'string'
      ? [{ prefix: DestinationPrefix, providerAddress: ProviderAddress }]
      : [],
  );
}

/** The error message for `--enable-dsr` on a version of HNS without direct server return. */
export function noDsr({ major, minor }: HnsVersion): string {
  return `--enable-dsr: HNS ${major}.${minor} has no direct server return (9.3 to 9.x and 10.2 or later have)`;
}

/** Why this configuration cannot work here; `null` if it can. */
export function configurationError(context: CompileContext, version: HnsVersion): BackendError | null {
  const refuse = (code: 'unsupported' | 'rejected' | 'not-found', message: string): BackendError =>
    backendError(code, 'kernelspace', message, { kernel: 'unchanged' });
  if (!context.features.remoteSubnet)
    return refuse('unsupported', 'HNS is older than 9.2: its API has no remote subnets');
  if (context.enableDSR && !context.features.dsr) return refuse('unsupported', noDsr(version));
  if (!context.network.overlay) return null;
  if (context.sourceVip === '') return refuse('rejected', 'an overlay network needs --source-vip');
  if (context.nodeIP === '') return refuse('not-found', `the node has no ${context.family} address`);
  return context.hostMac === ''
    ? refuse('rejected', `no interface has ${context.nodeIP}: its MAC address is needed`)
    : null;
}
