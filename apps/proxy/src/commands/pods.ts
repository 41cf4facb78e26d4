/** Pods by name, if an EndpointSlice refers to them: pods that serve, ready or not. */
import { canonicalAddress, objectKey, type ObjectEvent } from '@signalbox/core';

export interface PodAddress {
  readonly address: string;
  /** Where it runs; `null`: not known. */
  readonly node: string | null;
}

export interface Pods {
  addressesOf(namespace: string, name: string): readonly PodAddress[];
  /** `namespace/name` */
  names(): Iterable<string>;
}

export interface PodIndex extends Pods {
  add(event: ObjectEvent): void;
}

export function createPodIndex(): PodIndex {
  const pods = new Map<string, PodAddress[]>();
  return {
    addressesOf: (namespace, name) => pods.get(objectKey(namespace, name)) ?? [],
    names: () => pods.keys(),
    add: (event) => {
      if (event.type !== 'upsert' || event.resource !== 'EndpointSlice') return;
      for (const { pod, address, node } of podsIn(event.object)) {
        const known = pods.get(pod) ?? [];
        if (known.some((each) => each.address === address)) continue;
        pods.set(pod, [...known, { address, node }]);
      }
    },
  };
}

interface Endpoint {
  readonly addresses?: readonly unknown[];
  readonly nodeName?: string;
  readonly targetRef?: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
}

interface Slice {
  readonly metadata?: { readonly namespace?: string };
  readonly endpoints?: readonly (Endpoint | null)[] | null;
}

/** Objects from a folder of YAML can have any structure: an object that is not an EndpointSlice has no pods. */
function podsIn(object: unknown): readonly (PodAddress & { readonly pod: string })[] {
  const { metadata, endpoints } = (object ?? {}) as Slice;
  if (!Array.isArray(endpoints)) return [];
  return (endpoints as readonly (Endpoint | null)[]).flatMap((endpoint) => {
    const { targetRef, addresses, nodeName } = endpoint ?? {};
    const [first] = addresses ?? [];
    const address = typeof first === 'string' ? canonicalAddress(first) : null;
    if (targetRef?.kind !== 'Pod' || typeof targetRef.name !== 'string' || address === null) return [];
    const namespace = targetRef.namespace ?? metadata?.namespace ?? 'default';
    return [{ pod: objectKey(namespace, targetRef.name), address, node: nodeName ?? null }];
  });
}
