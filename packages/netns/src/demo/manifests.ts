/** The folder of manifests that takes the place of an API server: what a small shop would have. */
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export interface DemoPod {
  readonly name: string;
  readonly node: 'node-a' | 'node-b';
  /** One a family. */
  readonly addresses: readonly [string, string];
}

function pod(name: string, node: DemoPod['node'], host: number): DemoPod {
  const subnet = node === 'node-a' ? 1 : 2;
  return { name, node, addresses: [`10.244.${subnet}.${host}`, `fd00:10:244:${subnet}::${host}`] };
}

export const WEB_BEFORE: readonly DemoPod[] = [
  pod('web-1', 'node-a', 11),
  pod('web-2', 'node-a', 12),
  pod('web-3', 'node-b', 13),
];
export const WEB_AFTER: readonly DemoPod[] = [
  pod('web-1', 'node-a', 11),
  pod('web-3', 'node-b', 13),
  pod('web-4', 'node-a', 14),
];
const DNS: readonly DemoPod[] = [pod('dns-1', 'node-a', 21), pod('dns-2', 'node-b', 22)];

interface ServiceFile {
  readonly namespace: string;
  readonly name: string;
  readonly clusterIPs: readonly [string, string];
  readonly port: number;
  readonly nodePort: number;
  readonly targetPort: number;
  readonly protocol: 'TCP' | 'UDP';
  readonly pods: readonly DemoPod[];
}

function endpointSlice(service: ServiceFile, family: 0 | 1): string {
  const { namespace, name, protocol, targetPort, pods } = service;
  const endpoints = pods.map(
    ({ name: podName, node, addresses }) => `  - addresses: ['${addresses[family]}']
    conditions: { ready: true, serving: true, terminating: false }
    nodeName: ${node}
    targetRef: { kind: Pod, namespace: ${namespace}, name: ${podName} }`,
  );
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: ${name}-ipv${family === 0 ? 4 : 6}
  namespace: ${namespace}
  labels: { kubernetes.io/service-name: ${name} }
addressType: IPv${family === 0 ? 4 : 6}
ports:
  - { name: main, protocol: ${protocol}, port: ${targetPort} }
endpoints:
${endpoints.join('\n')}
`;
}

function serviceFile(service: ServiceFile): string {
  const { namespace, name, clusterIPs, port, nodePort, targetPort, protocol } = service;
  const object = `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: ${namespace}
spec:
  type: NodePort
  clusterIP: '${clusterIPs[0]}'
  clusterIPs: ['${clusterIPs[0]}', '${clusterIPs[1]}']
  ipFamilies: [IPv4, IPv6]
  ipFamilyPolicy: RequireDualStack
  internalTrafficPolicy: Cluster
  externalTrafficPolicy: Cluster
  sessionAffinity: None
  selector: { app: ${name} }
  ports:
    - { name: main, protocol: ${protocol}, port: ${port}, targetPort: ${targetPort}, nodePort: ${nodePort} }
`;
  return [object, endpointSlice(service, 0), endpointSlice(service, 1)].join('---\n');
}

const NODE = `apiVersion: v1
kind: Node
metadata:
  name: node-a
spec:
  podCIDR: 10.244.1.0/24
  podCIDRs: [10.244.1.0/24, 'fd00:10:244:1::/64']
status:
  addresses:
    - { type: InternalIP, address: 192.0.2.10 }
    - { type: InternalIP, address: '2001:db8:0:2::10' }
    - { type: Hostname, address: node-a }
`;

/** In one step, so that no reader sees half a file. */
function replaceFile(folder: string, name: string, text: string): void {
  const draft = path.join(folder, `.${name}.draft`);
  writeFileSync(draft, text);
  renameSync(draft, path.join(folder, name));
}

export function writeWeb(folder: string, pods: readonly DemoPod[]): void {
  const clusterIPs = ['10.96.0.80', 'fd00:10:96::50'] as const;
  const ports = { port: 80, nodePort: 30_080, targetPort: 8080, protocol: 'TCP' } as const;
  replaceFile(
    folder,
    'shop-web.yaml',
    serviceFile({ namespace: 'shop', name: 'web', clusterIPs, ...ports, pods }),
  );
}

export function writeAll(folder: string): void {
  const clusterIPs = ['10.96.0.10', 'fd00:10:96::a'] as const;
  const ports = { port: 53, nodePort: 30_053, targetPort: 5353, protocol: 'UDP' } as const;
  replaceFile(folder, 'node-a.yaml', NODE);
  replaceFile(
    folder,
    'dns.yaml',
    serviceFile({ namespace: 'kube-system', name: 'dns', clusterIPs, ...ports, pods: DNS }),
  );
  writeWeb(folder, WEB_BEFORE);
}
