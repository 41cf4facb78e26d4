import type { Resource } from '@signalbox/core';

/** An object of a manifest, identified by `resource`, `namespace` and `name`. */
export interface ManifestObject {
  readonly resource: Resource;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
  /** As in the manifest; a namespaced object without a namespace gets namespace `default`. */
  readonly object: unknown;
  /** The object as JSON: two texts are equal only if the objects are. */
  readonly text: string;
  /** `services.yaml: document 2 (line 14)`. */
  readonly where: string;
  /** False for what the label selectors of a proxy leave out. */
  readonly served: boolean;
}

export function keyOf({
  resource,
  namespace,
  name,
}: Pick<ManifestObject, 'resource' | 'namespace' | 'name'>): string {
  return `${resource} ${namespace}/${name}`;
}
