import { type Protocol, PROTOCOLS } from './family.ts';

/** Identity of a service port: two ports of one service, or one port number under two protocols, differ. */
export interface ServicePortName {
  readonly namespace: string;
  readonly name: string;
  /** Name of the port; empty for the only, unnamed port of a service. */
  readonly port: string;
  readonly protocol: Protocol;
}

/** `namespace/name` of a Kubernetes object. */
export type ObjectKey = string;

/**
 * `namespace/name:port/PROTOCOL`. Unique, because neither a namespace, a service name nor a port name
 * (DNS labels) may contain `/` or `:`.
 */
export type ServicePortKey = string;

// Keys are made by `join`: V8 keeps a template as a tree of its parts, beside the text that it makes of it.
/** `namespace/name`. The arguments are not checked. */
export function objectKey(namespace: string, name: string): ObjectKey {
  return [namespace, name].join('/');
}

/** The key of a service port; `parseServicePortKey` is the inverse. The fields are not checked. */
export function servicePortKey(id: ServicePortName): ServicePortKey {
  return [id.namespace, '/', id.name, ':', id.port, '/', id.protocol].join('');
}

/** The Service of a service port, by its key. */
export function serviceOf(key: ServicePortKey): ObjectKey {
  return key.slice(0, key.indexOf(':'));
}

/** `null`: not a key. */
export function parseServicePortKey(key: string): ServicePortName | null {
  const [, namespace, name, port = '', word] = /^([^/:]+)\/([^/:]+):([^/:]*)\/([A-Z]+)$/.exec(key) ?? [];
  const protocol = PROTOCOLS.find((each) => each === word);
  return namespace === undefined || name === undefined || protocol === undefined
    ? null
    : { namespace, name, port, protocol };
}

/** `namespace/name` or `namespace/name:port`: the form in kube-proxy's logs, rule comments and chain hashes. */
export function servicePortLabel(id: ServicePortName): string {
  const base = `${id.namespace}/${id.name}`;
  return id.port === '' ? base : `${base}:${id.port}`;
}
