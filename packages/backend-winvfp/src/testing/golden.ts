/** The objects of HNS, as JSON for review: ids of endpoints are replaced by their addresses. */
import type { Family } from '@signalbox/core';
import type { Hns } from '@signalbox/hns-simulator';
import { isOurId } from '../compile/names.ts';
import { frontendOf, loadBalancerFamily } from '../diff/frontend.ts';
import { createHeldState, endpointOfFamily } from '../diff/held-state.ts';
import { createOwnership } from '../diff/ownership.ts';
import type { HcnLoadBalancer } from '../objects/hcn-documents.ts';

export function goldenText(hns: Hns, family: Family): string {
  const { endpoints, loadBalancers } = hns.snapshot();
  const held = createHeldState({ family, network: { ID: '', Name: '' }, owned: createOwnership() });
  for (const endpoint of endpoints) held.putEndpoint(endpoint);
  const addressOf = (id: string): string => held.endpoints.get(id.toUpperCase())?.addresses.join(' ') ?? id;
  const owned = [...held.endpoints.values()].filter(
    (entry) => entry.owned && endpointOfFamily(entry, family),
  );
  const balancers = loadBalancers
    .map((entry): HcnLoadBalancer => entry)
    .filter((entry) => loadBalancerFamily(entry) === family)
    .map((entry) => ({ frontend: frontendOf(entry) ?? '', entry }))
    .sort((left, right) => compare(left.frontend, right.frontend));
  const text = {
    endpoints: owned
      .map(({ document }) => ({ ...document, ID: nameOf(document.ID), HostComputeNetwork: 'cbr0' }))
      .sort((left, right) => compare(JSON.stringify(left), JSON.stringify(right))),
    loadBalancers: balancers.map(({ entry: { ID, HostComputeEndpoints, ...rest } }) => ({
      ID: nameOf(ID),
      HostComputeEndpoints: HostComputeEndpoints.map(addressOf).sort(),
      ...rest,
    })),
  };
  return `{\n  "endpoints": ${lines(text.endpoints)},\n  "loadBalancers": ${lines(text.loadBalancers)}\n}\n`;
}

/** One document a line. */
function lines(documents: readonly object[]): string {
  if (documents.length === 0) return '[]';
  return `[\n${documents.map((document) => `    ${JSON.stringify(document)}`).join(',\n')}\n  ]`;
}

/** Ids chosen by Signalbox are stable; those chosen by HNS are not. */
function nameOf(id: string): string {
  return isOurId(id) ? id : '(picked by HNS)';
}

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
