/**
 * Which objects are owned. Those that Signalbox creates have a mark in their id; the rest is kept here: adopted load balancers
 * of other programs, and objects whose id HNS chose. Where the reply with that id was lost, the next listing has it: the object
 * that equals the one sent in every field. An address or a frontend alone may belong to another program by then.
 */
import { idKey, isOurId, remoteMac } from '../compile/names.ts';
import { addressKey } from '../objects/address.ts';
import {
  ENDPOINT_FLAGS,
  type HcnEndpoint,
  type HcnEndpointSettings,
  type HcnLoadBalancer,
  type HcnLoadBalancerSettings,
} from '../objects/hcn-documents.ts';
import { createEchoes, type Echoes } from './echoes.ts';
import { sameLoadBalancer } from './frontend.ts';

export interface Ownership {
  /** How HNS lists load balancers that were written. */
  readonly echoes: Echoes;
  own(id: string): void;
  /** A call whose reply was lost: such an object of the next listing is owned. */
  expectEndpoint(settings: HcnEndpointSettings): void;
  expectLoadBalancer(settings: HcnLoadBalancerSettings): void;
  ofEndpoint(document: HcnEndpoint): boolean;
  ofLoadBalancer(document: HcnLoadBalancer): boolean;
  /** Everything has been listed: an expected object that is not listed was never created. */
  settle(): void;
  /** For a listing outside of syncs: its results are not recorded in this object. */
  copy(): Ownership;
}

interface Known {
  readonly ids: Iterable<string>;
  readonly endpoints: Iterable<HcnEndpointSettings>;
  readonly loadBalancers: Iterable<HcnLoadBalancerSettings>;
  readonly echoes: Echoes;
}

export function createOwnership(known?: Known): Ownership {
  const ids = new Set(known?.ids);
  const endpoints = new Set(known?.endpoints);
  const loadBalancers = new Set(known?.loadBalancers);
  const echoes = known?.echoes ?? createEchoes();
  const isKnown = (id: string): boolean => isOurId(idKey(id)) || ids.has(idKey(id));
  const take = <T>(id: string, expected: Set<T>, same: (settings: T) => boolean): boolean => {
    const found = [...expected].find(same);
    if (found === undefined) return false;
    expected.delete(found);
    ids.add(idKey(id));
    return true;
  };
  return {
    echoes,
    copy: () => createOwnership({ ids, endpoints, loadBalancers, echoes }),
    own(id) {
      if (!isKnown(id)) ids.add(idKey(id));
    },
    expectEndpoint: (settings) => void endpoints.add(settings),
    expectLoadBalancer: (settings) => void loadBalancers.add(settings),
    ofEndpoint: (document) =>
      isKnown(document.ID) ||
      isLeftover(document) ||
      take(document.ID, endpoints, (settings) => sameOrigin(settings, document)),
    ofLoadBalancer: (document) =>
      isKnown(document.ID) ||
      take(document.ID, loadBalancers, (settings) => sameLoadBalancer(settings, document)),
    settle() {
      endpoints.clear();
      loadBalancers.clear();
    },
  };
}

/** Only kube-proxy creates remote endpoints with this MAC address: one left behind would never be removed. */
function isLeftover(document: HcnEndpoint): boolean {
  return (
    isRemote(document) &&
    textsOf(document).some((text) => sameMac(document.MacAddress ?? '', remoteMac(text)))
  );
}

function sameOrigin(settings: HcnEndpointSettings, document: HcnEndpoint): boolean {
  const [address] = textsOf(settings).map(addressKey);
  return (
    isRemote(settings) === isRemote(document) &&
    sameMac(settings.MacAddress ?? '', document.MacAddress ?? '') &&
    textsOf(document).some((text) => addressKey(text) === address)
  );
}

export function isRemote({ Flags = 0 }: Pick<HcnEndpoint, 'Flags'>): boolean {
  return (Flags & ENDPOINT_FLAGS.remote) !== 0;
}

function textsOf({ IpConfigurations = [] }: Pick<HcnEndpoint, 'IpConfigurations'>): readonly string[] {
  return IpConfigurations.map((entry) => entry.IpAddress);
}

export function sameMac(left: string, right: string): boolean {
  const digits = (mac: string): string => mac.replaceAll(/[-:]/g, '').toLowerCase();
  return digits(left) === digits(right);
}
