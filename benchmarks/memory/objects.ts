/** Services of one family or both, as an API server holds them. */
import type { WireObject } from '@signalbox/kubernetes';
import { serviceJSON, sliceJSON } from '../core/cluster.ts';

interface Slice {
  readonly metadata: { readonly name: string };
  readonly endpoints: readonly { readonly addresses: readonly [string] }[];
}

interface Service {
  readonly spec: { readonly clusterIP: string };
}

const SERVICE = { apiVersion: 'v1', kind: 'Service' } as const;
const SLICE = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice' } as const;

/** `10.1.2.3` → `fd00:10::1:2:3`. */
function toIPv6(address: string): string {
  const [first, ...rest] = address.split('.').map((part) => Number(part).toString(16));
  return `fd00:${first}::${rest.join(':')}`;
}

export type Families = readonly ['IPv4'] | readonly ['IPv4', 'IPv6'];

export function service(index: number, ipFamilies: Families): WireObject {
  const made = { ...SERVICE, ...(JSON.parse(serviceJSON(index)) as Service) };
  if (ipFamilies.length === 1) return made;
  const { clusterIP } = made.spec;
  const clusterIPs = [clusterIP, toIPv6(clusterIP)];
  const spec = { ...made.spec, ipFamilies, ipFamilyPolicy: 'RequireDualStack', clusterIPs };
  return { ...made, spec } as WireObject;
}

/** One for each family. */
export interface SliceOptions {
  readonly families: Families;
  readonly endpoints: number;
  /** With each, another pod takes the place of the first. */
  readonly generation: number;
}

export function slices(index: number, options: SliceOptions): readonly WireObject[] {
  const { families, endpoints, generation } = options;
  const made = { ...SLICE, ...(JSON.parse(sliceJSON(index, endpoints)) as Slice) };
  const [first, ...others] = made.endpoints;
  if (first === undefined) return [];
  const pod = `10.${100 + (generation % 101)}.${(index >> 8) & 255}.${index & 255}`;
  const all = generation === 0 ? made.endpoints : [{ ...first, addresses: [pod] as const }, ...others];
  const name = made.metadata.name;
  const second = all.map((each) => ({ ...each, addresses: [toIPv6(each.addresses[0])] }));
  const both = [
    { ...made, endpoints: all },
    { ...made, addressType: 'IPv6', metadata: { ...made.metadata, name: `${name}6` }, endpoints: second },
  ];
  return both.slice(0, families.length);
}

export const NODE = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'node-a' },
  spec: {},
  status: {
    addresses: [
      { type: 'InternalIP', address: '127.0.0.1' },
      { type: 'InternalIP', address: '::1' },
    ],
  },
} as unknown as WireObject;
