/** A proxy with Services of every state, whose objects, kernel and errors contain markup wherever they may contain text. */
import type { KernelService } from '@signalbox/core';
import { SYNCED } from './composition.ts';
import { NODE, SERVICE, start, synced, upsert, type World } from './proxy-world.ts';

/** Sets `window.hacked` if the browser takes it for markup. */
export const HOSTILE = `"'><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;

const WEB = 'default/web:http/TCP';

function slice(service: string, endpoints: readonly unknown[], portName = 'http'): object {
  return {
    metadata: {
      namespace: 'default',
      name: `${service}-1`,
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    ports: [{ name: portName, port: 8080, protocol: 'TCP' }],
    endpoints,
  };
}

function service(name: string, clusterIP: string, text: string, spec: object = {}): object {
  const addresses = { clusterIP, clusterIPs: [clusterIP] };
  const annotations = { note: text };
  return {
    ...SERVICE,
    metadata: { name, namespace: 'default', annotations },
    spec: { ...SERVICE.spec, ...addresses, ...spec },
  };
}

const READY = { ready: true };

function addObjects(world: World, services: number, text: string): void {
  upsert(world, 'Node', {
    ...NODE,
    metadata: { ...NODE.metadata, labels: { 'topology.kubernetes.io/zone': text } },
  });
  upsert(world, 'Service', service('web', '10.96.0.10', text));
  upsert(world, 'Service', service('empty', '10.96.0.11', text));
  upsert(world, 'Service', service('hostile', '10.96.0.12', text, { sessionAffinity: text }));
  for (let index = 0; index < services; index += 1) {
    const address = `10.97.${Math.floor(index / 250)}.${(index % 250) + 1}`;
    upsert(world, 'Service', service(`many-${String(index).padStart(5, '0')}`, address, text));
  }
  const slices = [
    slice('web', [
      { addresses: ['10.244.1.5'], nodeName: 'node-a', conditions: READY },
      { addresses: ['10.244.1.6'], nodeName: 'node-b', conditions: READY },
      { addresses: ['10.244.1.7'], nodeName: text, conditions: { ready: false } },
    ]),
    slice('hostile', [{ addresses: ['10.244.1.8'], nodeName: text, conditions: READY }], text),
  ];
  for (const object of slices) {
    world.parts.source.handlers.onEvents([{ type: 'upsert', resource: 'EndpointSlice', object }]);
  }
  synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
}

function addKernel(world: World, text: string): void {
  const held: KernelService = {
    objects: [
      { type: 'chain', name: 'KUBE-SVC-WEB', within: 'table nat', state: 'held' },
      { type: 'chain', name: text, within: text, state: 'altered' },
    ],
    endpoints: [
      { address: '10.244.1.5', port: 8080, connections: 30 },
      { address: '10.244.1.6', port: 8080, connections: 10 },
    ],
  };
  const backend = world.parts.backends.get('IPv4');
  if (backend === undefined) throw new Error('no IPv4 backend');
  backend.inspect = () => Promise.resolve({ outcome: 'ok', servicePorts: new Map([[WEB, held]]) });
  const error = {
    code: 'rejected',
    operation: 'iptables-restore',
    message: text,
    kernel: 'unchanged',
  } as const;
  const failures = [{ key: 'default/hostile:http/TCP', error }];
  backend.answers.push(
    { ...SYNCED, repaired: [{ kind: 'missing', type: 'chain', name: text, within: text }] },
    { ...SYNCED, outcome: 'partial', failures },
    { ...SYNCED, outcome: 'partial', failures },
  );
}

/** `services`: so many besides `web`, `empty`, `hostile` and `late`. */
export async function startPageWorld(services = 0, text = HOSTILE): Promise<World> {
  const world = await start(['--cluster-cidr=10.244.0.0/16']);
  addKernel(world, text);
  addObjects(world, services, text);
  await world.settle(1000);
  upsert(world, 'Service', service('late', '10.96.0.13', text));
  await world.settle(2000);
  return world;
}
