/** Checks of the host before a backend is created: whether it can work here, and for which families. */
import { backendError, fail, type Family, type Result, succeed } from '@signalbox/core';
import { isOverlay } from '../context.ts';
import { hcnError } from './errors.ts';
import type { HcnApi } from './hcn-api.ts';
import type { HnsCapabilities } from '../objects/hns-version.ts';
import { readCapabilities, readNetwork } from './read-hns.ts';

/** Result of `probeHns`: version and features of HNS, type of the network, families that it can serve. */
export interface HnsProbe extends HnsCapabilities {
  /** `L2Bridge`, `Overlay`, …: empty while the network does not exist. */
  readonly networkType: string;
  readonly overlay: boolean;
  /** The node's primary family alone where HNS or the network type allows no more. */
  readonly families: readonly Family[];
}

/**
 * `networkName` may not exist yet: then families are as for a bridge, and the backend of the second family checks the
 * network itself (`WinvfpOptions.primary`).
 */
export async function probeHns(hcn: HcnApi, networkName: string, primary: Family): Promise<Result<HnsProbe>> {
  const policies = await hcn.call({ op: 'hns', path: '/policylists/' });
  if (policies.hresult !== 0) return fail(hcnError(policies, 'HNS policy lists'));
  const capabilities = await readCapabilities(hcn);
  if (!capabilities.ok) return capabilities;
  const { version, features } = capabilities.value;
  if (!features.remoteSubnet) {
    const message = `HNS ${version.major}.${version.minor} is too old: kernelspace mode requires 9.2 or later`;
    return fail(backendError('unsupported', 'HNSCall', message, { kernel: 'unchanged' }));
  }
  const network = await readNetwork(hcn, networkName);
  if (!network.ok && network.error.code !== 'not-found') return network;
  const type = network.ok ? (network.value.Type ?? '') : '';
  const overlay = network.ok && isOverlay(network.value);
  const both: readonly Family[] = primary === 'IPv4' ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4'];
  const families = features.dualStack && !overlay ? both : [primary];
  return succeed({ version, features, networkType: type, overlay, families });
}
