/** The manifests as the demo sees them: what to connect to, and which pods should answer. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Protocol } from '@signalbox/core';
import { loadAll } from 'js-yaml';
import type { Socket } from '../agent/protocol.ts';

export interface Frontend {
  readonly kind: 'ClusterIP' | 'NodePort';
  /** `namespace/name`. */
  readonly service: string;
  readonly protocol: Protocol;
  readonly at: Socket;
}

export interface DemoEndpoint {
  readonly service: string;
  readonly pod: string;
  readonly node: string;
  readonly protocol: Protocol;
  readonly at: Socket;
}

export interface DemoObjects {
  readonly frontends: readonly Frontend[];
  readonly endpoints: readonly DemoEndpoint[];
}

interface PortObject {
  readonly protocol?: Protocol;
  readonly port: number;
  readonly nodePort?: number;
}

interface ServiceObject {
  readonly kind: 'Service';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly clusterIPs?: readonly string[]; readonly ports?: readonly PortObject[] };
}

interface SliceObject {
  readonly kind: 'EndpointSlice';
  readonly metadata: { readonly namespace: string; readonly labels?: Readonly<Record<string, string>> };
  readonly ports?: readonly PortObject[];
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly nodeName?: string;
    readonly targetRef?: { readonly name?: string };
  }[];
}

const NODE_IPS = ['192.0.2.10', '2001:db8:0:2::10'];

function frontendsOf({ metadata, spec }: ServiceObject): readonly Frontend[] {
  const service = `${metadata.namespace}/${metadata.name}`;
  return (spec.ports ?? []).flatMap(({ protocol = 'TCP', port, nodePort }) => {
    const cluster = (spec.clusterIPs ?? []).map((address) => ({
      kind: 'ClusterIP' as const,
      at: { address, port },
    }));
    const onNode = NODE_IPS.map((address) => ({
      kind: 'NodePort' as const,
      at: { address, port: nodePort ?? 0 },
    }));
    const all = [...cluster, ...(nodePort === undefined ? [] : onNode)];
    return all.map(({ kind, at }) => ({ kind, service, protocol, at }));
  });
}

function endpointsOf({ metadata, ports = [], endpoints = [] }: SliceObject): readonly DemoEndpoint[] {
  const service = `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`;
  return ports.flatMap(({ protocol = 'TCP', port }) =>
    endpoints.flatMap(({ addresses, nodeName = '', targetRef }) =>
      addresses.map((address) => ({
        service,
        pod: targetRef?.name ?? address,
        node: nodeName,
        protocol,
        at: { address, port },
      })),
    ),
  );
}

function isKind<T extends { readonly kind: string }>(kind: T['kind']): (object: unknown) => object is T {
  return (object): object is T => (object as { readonly kind?: unknown } | null)?.kind === kind;
}

/** Reads a folder of manifests. Throws what the YAML parser throws. */
export function readObjects(folder: string): DemoObjects {
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.startsWith('.'));
  const objects = files.sort().flatMap((name) => loadAll(readFileSync(path.join(folder, name), 'utf8')));
  return {
    frontends: objects.filter(isKind<ServiceObject>('Service')).flatMap(frontendsOf),
    endpoints: objects.filter(isKind<SliceObject>('EndpointSlice')).flatMap(endpointsOf),
  };
}
