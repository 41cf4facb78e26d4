/** A Service of three pods as manifests, and where its addresses are on the loopback network. */
import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export const MAP = '10.96.0.0/16=127.96.0.0/16,10.244.0.0/16=127.244.0.0/16';
/** Above 1023, so that no privileges are needed. */
export const SERVICE_PORT = 18_080;
export const POD_PORT = 18_081;
export const SERVICE_ADDRESS = '127.96.0.80';

export interface LoopbackPod {
  readonly name: string;
  /** In the manifest: `10.244.1.<host>`. */
  readonly host: number;
}

export function addressOf({ host }: LoopbackPod): string {
  return `127.244.1.${host}`;
}

const SERVICE = `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec:
  clusterIP: 10.96.0.80
  clusterIPs: [10.96.0.80]
  selector: { app: web }
  ports: [{ name: http, protocol: TCP, port: ${SERVICE_PORT}, targetPort: ${POD_PORT} }]
`;

function slice(pods: readonly LoopbackPod[]): string {
  const endpoints = pods.map(
    ({ name, host }) =>
      `  - { addresses: [10.244.1.${host}], conditions: { ready: true }, nodeName: node-a, targetRef: { kind: Pod, namespace: shop, name: ${name} } }`,
  );
  return `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, protocol: TCP, port: ${POD_PORT} }]
endpoints:
${endpoints.join('\n')}
`;
}

/** In one step, so that no reader sees half a file. */
export function writePods(folder: string, pods: readonly LoopbackPod[]): void {
  const draft = path.join(folder, '.shop-web.draft');
  writeFileSync(draft, [SERVICE, slice(pods)].join('---\n'));
  renameSync(draft, path.join(folder, 'shop-web.yaml'));
}
