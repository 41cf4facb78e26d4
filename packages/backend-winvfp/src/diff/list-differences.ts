/** Differences as the JSON documents of HNS, one field a line. */
import type { ListedObject } from '@signalbox/backend-kit';
import type { Drift } from '@signalbox/core';
import type { WantedState } from '../compile/wanted-state.ts';
import { addressKey } from '../objects/address.ts';
import type { HcnEndpoint, HcnEndpointSettings } from '../objects/hcn-documents.ts';
import type { WantedEndpoint } from '../objects/wanted.ts';
import { normalized } from './frontend.ts';
import type { HeldState } from './held-state.ts';
import { settingsOf } from './plan.ts';

export function listDifferences(
  drift: readonly Drift[],
  wanted: WantedState,
  held: HeldState,
): readonly ListedObject[] {
  const endpoints = wantedEndpoints(wanted);
  return drift.map(({ kind, type, name }) => {
    const object = `${type} ${name}`;
    const sides =
      type === 'endpoint' ? endpointSides(name, endpoints, held) : balancerSides(name, wanted, held);
    // Stale: a second one, or one that a load balancer no longer needs.
    return { object, kernel: sides.kernel, desired: kind === 'stale' ? [] : sides.desired };
  });
}

function wantedEndpoints(wanted: WantedState): ReadonlyMap<string, WantedEndpoint> {
  const refs = [...wanted.frontends().values()].flatMap(({ endpoints }) => endpoints);
  const remote = refs.flatMap((ref) => (ref.kind === 'remote' ? [ref.endpoint] : []));
  return new Map([...wanted.extraEndpoints(), ...remote].map((each) => [addressKey(each.address), each]));
}

type Sides = Pick<ListedObject, 'kernel' | 'desired'>;

function balancerSides(frontend: string, wanted: WantedState, held: HeldState): Sides {
  const found = held.byFrontend(frontend);
  const balancer = wanted.wantedAt(frontend);
  return {
    kernel: found === undefined ? [] : jsonLines(normalized(found.document)),
    desired: balancer === undefined ? [] : jsonLines(normalized(settingsOf(balancer, held))),
  };
}

function endpointSides(
  address: string,
  endpoints: ReadonlyMap<string, WantedEndpoint>,
  held: HeldState,
): Sides {
  const found = held.byAddress(address);
  const wanted = endpoints.get(address);
  return {
    kernel: found === undefined ? [] : jsonLines(endpointFields(found.document)),
    desired: wanted === undefined ? [] : jsonLines(endpointFields(wanted.settings)),
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
