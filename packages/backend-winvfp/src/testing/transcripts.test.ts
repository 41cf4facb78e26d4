/** The documents of this backend beside those that kube-proxy sent for the same objects (testdata/kube-proxy-1.36). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createModel, type Model, type ModelConfig } from '@signalbox/core';
import { createHns, type Hns } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import { createWinvfpBackend } from '../backend.ts';
import { recordHcn, type RecordedCall } from '../driver/recorder.ts';
import { frontendOf } from '../diff/frontend.ts';
import type { HcnLoadBalancerSettings, HcnNetwork } from '../objects/hcn-documents.ts';
import { createSimulatedHcn } from './simulated-hcn.ts';

interface Transcript {
  readonly options: Readonly<Record<string, never>>;
  readonly version: { readonly major: number; readonly minor: number };
  readonly network: HcnNetwork;
  readonly localPod: {
    readonly Name: string;
    readonly IpConfigurations: readonly { readonly IpAddress: string }[];
  };
  readonly phases: Readonly<Record<string, readonly Write[]>>;
}

interface Write {
  readonly op: string;
  readonly settings?: object;
  readonly what?: string;
}

const FOLDER = path.join(import.meta.dirname, 'testdata/kube-proxy-1.36');
const CASES = ['l2bridge-hns15.5', 'l2bridge-hns12.1', 'l2bridge-hc-nodsr', 'overlay-hns15.5'];

/**
 * Calls of kube-proxy that Signalbox does not make, with the reason. Ids are no difference in content: kube-proxy lets HNS
 * choose them, Signalbox chooses its own so that it recognises its objects after a restart.
 */
const OMITTED: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'overlay-hns15.5': {
    // The cluster IP has not changed: deleting and creating its endpoint again interrupts connections without need.
    'one endpoint goes': ['delete-endpoint 10.96.0.10', 'create-endpoint 10.96.0.10'],
  },
};

const CONFIG: ModelConfig = {
  nodeName: 'node-a',
  localDetection: { mode: 'ClusterCIDR', cidrs: ['10.244.0.0/16'] },
  masqueradeAll: false,
  nodePortAddresses: [],
  localhostNodePorts: false,
  externalIPs: true,
  nodeIPOverride: null,
};

function read(file: string): unknown {
  return JSON.parse(readFileSync(path.join(FOLDER, file), 'utf8'));
}

interface ServiceObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
}

function slice(service: ServiceObject, remote: 'with-remote' | 'local-only'): object {
  const conditions = { ready: true, serving: true, terminating: false };
  const local = { addresses: ['10.244.1.5'], conditions, nodeName: 'node-a' };
  const other = { addresses: ['10.244.2.7'], conditions, nodeName: 'node-b' };
  return {
    kind: 'EndpointSlice',
    metadata: {
      namespace: service.metadata.namespace,
      name: `${service.metadata.name}-1`,
      labels: { 'kubernetes.io/service-name': service.metadata.name },
    },
    addressType: 'IPv4',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: remote === 'with-remote' ? [local, other] : [local],
  };
}

/** The same steps as in the recording of kube-proxy. */
const PHASES: Readonly<Record<string, (model: Model, services: readonly ServiceObject[]) => void>> = {
  'services created': (model, services) => {
    for (const service of services) {
      model.apply({ type: 'upsert', resource: 'Service', object: service });
      model.apply({ type: 'upsert', resource: 'EndpointSlice', object: slice(service, 'with-remote') });
    }
  },
  'one endpoint goes': (model, [plain]) => {
    if (plain === undefined) throw new Error('no service');
    model.apply({ type: 'upsert', resource: 'EndpointSlice', object: slice(plain, 'local-only') });
  },
  'the service is deleted': (model) => {
    model.apply({ type: 'delete', resource: 'Service', namespace: 'ns', name: 'plain' });
    model.apply({ type: 'delete', resource: 'EndpointSlice', namespace: 'ns', name: 'plain-1' });
  },
};

function host(transcript: Transcript): Hns {
  const hns = createHns({ version: transcript.version });
  hns.addNetwork(transcript.network, transcript.network.ID);
  hns.attach({ ...transcript.localPod, HostComputeNetwork: transcript.network.ID });
  return hns;
}

/** The object of each id. Entries of deleted objects are kept. */
function addressBook(hns: Hns, known: Map<string, string>): Map<string, string> {
  const { endpoints, loadBalancers } = hns.snapshot();
  for (const endpoint of endpoints) {
    known.set(endpoint.ID.toUpperCase(), endpoint.IpConfigurations?.[0]?.IpAddress ?? '');
  }
  for (const balancer of loadBalancers) {
    const name = frontendOf(balancer) ?? '';
    known.set(balancer.ID.toUpperCase(), name.replace(/\/tcp$/, ''));
  }
  return known;
}

function writesOf(calls: readonly RecordedCall[], names: ReadonlyMap<string, string>): readonly Write[] {
  return calls.flatMap(({ request, reply }): Write[] => {
    if (request.op === 'list' || request.op === 'hns') return [];
    expect(reply.hresult, JSON.stringify({ request, reply })).toBe(0);
    if (!('settings' in request))
      return [{ op: request.op, what: names.get(request.id.toUpperCase()) ?? '?' }];
    return [{ op: request.op, settings: named(request.settings, names) }];
  });
}

function named(settings: object, names: ReadonlyMap<string, string>): object {
  if ('HostComputeNetwork' in settings) return { ...settings, HostComputeNetwork: 'cbr0' };
  const { HostComputeEndpoints } = settings as HcnLoadBalancerSettings;
  return {
    ...settings,
    HostComputeEndpoints: HostComputeEndpoints.map((id) => names.get(id.toUpperCase()) ?? id).sort(),
  };
}

function title(write: Write): string {
  const settings = write.settings as {
    readonly IpConfigurations?: readonly { readonly IpAddress: string }[];
  };
  return `${write.op} ${write.what ?? settings.IpConfigurations?.[0]?.IpAddress ?? ''}`;
}

/** Fields in one order, writes in one order: the order of services does not matter. */
function comparable(writes: readonly Write[], omitted: readonly string[]): readonly string[] {
  const ordered = (_key: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)))
      : value;
  const kept = writes.filter((write) => !omitted.includes(title(write)));
  return kept.map((write) => JSON.stringify(write, ordered)).sort();
}

describe.each(CASES)('beside kube-proxy 1.36, %s', (name) => {
  it('sends the same documents', async () => {
    const transcript = read(`${name}.json`) as Transcript;
    const services = read('services.json') as readonly ServiceObject[];
    const hns = host(transcript);
    const recorder = recordHcn(createSimulatedHcn(hns));
    const backend = createWinvfpBackend({
      family: 'IPv4',
      hcn: recorder,
      networkName: 'cbr0',
      nodeIP: '192.0.2.2',
      ...transcript.options,
    });
    const model = createModel(CONFIG);
    const known = new Map<string, string>();
    for (const [phase, act] of Object.entries(PHASES)) {
      act(model, services);
      const result = await backend.sync(model.build('IPv4').change);
      expect(result.outcome, JSON.stringify(result)).toBe('ok');
      const actual = writesOf(recorder.take(), addressBook(hns, known));
      const expected = transcript.phases[phase] ?? [];
      const omitted = OMITTED[name]?.[phase] ?? [];
      expect(comparable(actual, []), phase).toEqual(comparable(expected, omitted));
    }
  });
});

it.each(Object.keys(OMITTED))(
  'every difference listed for %s is one that kube-proxy really makes',
  (name) => {
    const transcript = read(`${name}.json`) as Transcript;
    for (const [phase, omitted] of Object.entries(OMITTED[name] ?? {})) {
      const titles = (transcript.phases[phase] ?? []).map(title);
      expect(titles, phase).toEqual(expect.arrayContaining([...omitted]));
    }
  },
);
