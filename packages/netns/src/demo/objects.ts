/** The manifests as the demo uses them: frontends, the pods that should answer, and problems. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import {
  canonicalAddress,
  createModel,
  FAMILIES,
  formatInputProblem,
  type DesiredServicePort,
  type Family,
  type ModelConfig,
  type Protocol,
} from '@signalbox/core';
import { parseManifest, type ManifestObject } from '@signalbox/manifests';
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
  /** What is wrong with the manifests, with file and line; it affects only what it names. */
  readonly problems: readonly string[];
}

const NODE_IPS: Readonly<Record<Family, string>> = { IPv4: '192.0.2.10', IPv6: '2001:db8:0:2::10' };

/** The configuration of the proxy of the demo, as far as it decides which objects are served. */
const CONFIG: ModelConfig = {
  nodeName: 'node-a',
  localDetection: { mode: 'ClusterCIDR', cidrs: [] },
  masqueradeAll: false,
  nodePortAddresses: [],
  localhostNodePorts: true,
  externalIPs: true,
  nodeIPOverride: null,
};

interface Folder {
  readonly objects: readonly ManifestObject[];
  readonly problems: readonly string[];
}

function readFolder(folder: string): Folder {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.startsWith('.'));
  const files = names.filter((name) =>
    statSync(path.join(folder, name), { throwIfNoEntry: false })?.isFile(),
  );
  const parsed = files
    .sort()
    .map((name) => parseManifest(name, readFileSync(path.join(folder, name), 'utf8')));
  return {
    objects: parsed.flatMap(({ objects }) => objects.filter(({ served }) => served)),
    problems: parsed.flatMap(({ problems }) => problems.map(({ message }) => message)),
  };
}

interface PodIdentity {
  readonly pod: string;
  readonly node: string;
}

/** What a namespace of its own can be called. */
const POD_NAME = /^[-.a-z0-9]{1,200}$/;

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

/** The pod that has an address, as the slices name it. */
function podsByAddress(objects: readonly ManifestObject[]): ReadonlyMap<string, PodIdentity> {
  const pods = new Map<string, PodIdentity>();
  for (const { endpoints } of objects.map(({ object }) => fields(object))) {
    for (const endpoint of Array.isArray(endpoints) ? endpoints.map(fields) : []) {
      const address = canonicalAddress(String(fields(endpoint['addresses'])[0]));
      if (address === null || pods.has(address)) continue;
      const { name } = fields(endpoint['targetRef']);
      const { nodeName } = endpoint;
      pods.set(address, {
        pod: typeof name === 'string' && POD_NAME.test(name) ? name : address,
        node: typeof nodeName === 'string' ? nodeName : '',
      });
    }
  }
  return pods;
}

function frontendsOf({ name, frontends }: DesiredServicePort, family: Family): readonly Frontend[] {
  const service = `${name.namespace}/${name.name}`;
  return frontends.flatMap((frontend): Frontend[] => {
    const { protocol } = name;
    const { port } = frontend;
    if (frontend.kind === 'cluster-ip') {
      return [{ kind: 'ClusterIP', service, protocol, at: { address: frontend.address, port } }];
    }
    if (frontend.kind !== 'node-port') return [];
    return [{ kind: 'NodePort', service, protocol, at: { address: NODE_IPS[family], port } }];
  });
}

/** Reads a folder of manifests by the rules of the proxy itself. */
export function readObjects(folder: string): DemoObjects {
  const { objects, problems } = readFolder(folder);
  const model = createModel(CONFIG);
  const values = objects.flatMap(({ resource, object, where }) =>
    model
      .apply({ type: 'upsert', resource, object })
      .map((problem) => `${where}: ${formatInputProblem(problem)}`),
  );
  const pods = podsByAddress(objects);
  const served = FAMILIES.flatMap((family) =>
    [...model.build(family).state.servicePorts.values()].map((port) => ({ family, port })),
  );
  const endpoints = served.flatMap(({ port: { name, clusterEndpoints } }) =>
    clusterEndpoints.map(({ address, port }) => ({
      service: `${name.namespace}/${name.name}`,
      ...(pods.get(address) ?? { pod: address, node: '' }),
      protocol: name.protocol,
      at: { address, port },
    })),
  );
  const frontends = served.flatMap(({ family, port }) => frontendsOf(port, family));
  endpoints.sort((one, other) => (one.pod < other.pod ? -1 : 1));
  return { frontends, endpoints, problems: [...problems, ...values] };
}
