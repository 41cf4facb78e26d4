/** Differences as the JSON documents of HNS, one field a line. */
import type { ListedObject } from '@signalbox/backend-kit';
import type { Drift } from '@signalbox/core';
import type { DesiredObjects } from '../compile/desired-objects.ts';
import { addressKey } from '../objects/address.ts';
import type { HcnEndpoint, HcnEndpointSettings } from '../objects/hcn-documents.ts';
import type { DesiredHnsEndpoint } from '../objects/desired.ts';
import { normalized } from './frontend.ts';
import type { HeldState } from './held-state.ts';
import { settingsOf } from './plan.ts';

export function listDifferences(
  drift: readonly Drift[],
  desired: DesiredObjects,
  held: HeldState,
): readonly ListedObject[] {
  const endpoints = desiredEndpoints(desired);
  return drift.map(({ kind, type, name }) => {
    const object = `${type} ${name}`;
    const sides =
      type === 'endpoint' ? endpointSides(name, endpoints, held) : balancerSides(name, desired, held);
    // Stale: a second one, or one that a load balancer no longer needs.
    return { object, kernel: sides.kernel, desired: kind === 'stale' ? [] : sides.desired };
  });
}

function desiredEndpoints(desired: DesiredObjects): ReadonlyMap<string, DesiredHnsEndpoint> {
  const refs = [...desired.frontends().values()].flatMap(({ endpoints }) => endpoints);
  const remote = refs.flatMap((ref) => (ref.kind === 'remote' ? [ref.endpoint] : []));
  return new Map([...desired.extraEndpoints(), ...remote].map((each) => [addressKey(each.address), each]));
}

type Sides = Pick<ListedObject, 'kernel' | 'desired'>;

function balancerSides(frontend: string, desired: DesiredObjects, held: HeldState): Sides {
  const found = held.byFrontend(frontend);
  const balancer = desired.desiredAt(frontend);
  return {
    kernel: found === undefined ? [] : jsonLines(normalized(found.document)),
    desired: balancer === undefined ? [] : jsonLines(normalized(settingsOf(balancer, held))),
  };
}

function endpointSides(
  address: string,
  endpoints: ReadonlyMap<string, DesiredHnsEndpoint>,
  held: HeldState,
): Sides {
  const found = held.byAddress(address);
  const desired = endpoints.get(address);
  return {
    kernel: found === undefined ? [] : jsonLines(endpointFields(found.document)),
    desired: desired === undefined ? [] : jsonLines(endpointFields(desired.settings)),
  };
}

/** The fields that Signalbox sets, in one spelling. */
function endpointFields({
  IpConfigurations = [],
  MacAddress = '',
  Policies = [],
}: HcnEndpoint | HcnEndpointSettings) {
  return {
    IpConfigurations: IpConfigurations.map(({ IpAddress }) => ({ IpAddress: addressKey(IpAddress) })),
    MacAddress: MacAddress.replaceAll(':', '-').toLowerCase(),
    Policies: Policies.filter(({ Type }) => Type === 'ProviderAddress'),
  };
}

function jsonLines(document: object): readonly string[] {
  return JSON.stringify(document, null, 2).split('\n');
}
