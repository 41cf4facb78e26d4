import type { Resource } from '@signalbox/core';

/** Kind, API group and versions of an object that a service proxy reads. */
interface Kind {
  readonly resource: Resource;
  /** Empty for the core group. */
  readonly group: string;
  readonly versions: readonly string[];
  readonly namespaced: boolean;
}

const KINDS: readonly Kind[] = [
  { resource: 'Service', group: '', versions: ['v1'], namespaced: true },
  { resource: 'EndpointSlice', group: 'discovery.k8s.io', versions: ['v1'], namespaced: true },
  { resource: 'Node', group: '', versions: ['v1'], namespaced: false },
  // The fields read here are the same in all three versions.
  {
    resource: 'ServiceCIDR',
    group: 'networking.k8s.io',
    versions: ['v1', 'v1beta1', 'v1alpha1'],
    namespaced: false,
  },
];

export type KindLookup =
  | { readonly found: 'kind'; readonly kind: Kind }
  /** Right kind and group, but a version whose fields are not known. */
  | { readonly found: 'version'; readonly supported: string }
  | { readonly found: 'nothing' };

function apiVersionOf(kind: Kind, version: string): string {
  return kind.group === '' ? version : `${kind.group}/${version}`;
}

/** Kinds of the same name in another group (a Knative Service) do not match. */
export function lookUpKind(apiVersion: string, kindName: string): KindLookup {
  const slash = apiVersion.lastIndexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  const version = apiVersion.slice(slash + 1);
  const kind = KINDS.find((k) => k.resource === kindName && k.group === group);
  if (kind === undefined) return { found: 'nothing' };
  if (kind.versions.includes(version)) return { found: 'kind', kind };
  return { found: 'version', supported: kind.versions.map((v) => apiVersionOf(kind, v)).join(' or ') };
}

/**
 * The label selectors with which a proxy watches an API server: a Service that names another proxy, and the
 * slices of headless services, are ignored, whichever source they are read from.
 */
const EXCLUDING_LABEL: Readonly<Partial<Record<Resource, string>>> = {
  Service: 'service.kubernetes.io/service-proxy-name',
  EndpointSlice: 'service.kubernetes.io/headless',
};

export function isExcluded(resource: Resource, labels: unknown): boolean {
  const label = EXCLUDING_LABEL[resource];
  return label !== undefined && typeof labels === 'object' && labels !== null && label in labels;
}
