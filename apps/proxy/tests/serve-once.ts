/** The built program without privileges, until it serves one Service and is asked to end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../src/testing/free-port.ts';

const MANIFESTS = `
apiVersion: v1
kind: Node
metadata: { name: node-a }
status: { addresses: [{ type: InternalIP, address: 127.0.0.1 }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec:
  type: ClusterIP
  clusterIP: 10.96.0.10
  clusterIPs: [10.96.0.10]
  ipFamilies: [IPv4]
  ports: [{ port: 18080, protocol: TCP }]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: "", port: 18081, protocol: TCP }]
endpoints: [{ addresses: [192.0.2.20], conditions: { ready: true } }]
`;

/** Where clients connect, and where the endpoint is reached. */
export const FRONTEND = { host: '127.96.0.10', port: 18_080 };
export const ENDPOINT = { host: '127.96.2.20', port: 18_081 };

interface Serving {
  readonly flags?: readonly string[];
  /** Before SIGTERM. */
  readonly whileServing?: () => Promise<void>;
}

/** `tracingEndpoint`: empty for none. Ends with SIGTERM once a sync has ended; the log is all that it wrote. */
export async function serveOnce(
  folder: string,
  tracingEndpoint: string,
  { flags = [], whileServing = () => Promise.resolve() }: Serving = {},
): Promise<{ readonly log: string; readonly status: number | null }> {
  const manifests = join(folder, 'manifests');
  mkdirSync(manifests, { recursive: true });
  writeFileSync(join(manifests, 'web.yaml'), MANIFESTS);
  const words = [
    'main.js',
    `--manifests=${manifests}`,
    '--proxy-mode=userspace',
    '--userspace-map=10.96.0.0/16=127.96.0.0/16,192.0.2.0/24=127.96.2.0/24',
    '--hostname-override=node-a',
    '--v=2',
    `--healthz-bind-address=127.0.0.1:${await freePort()}`,
    `--metrics-bind-address=127.0.0.1:${await freePort()}`,
    `--tracing-endpoint=${tracingEndpoint}`,
    ...flags,
  ];
  const child = spawn(process.execPath, words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let serve = (): void => {};
  const served = new Promise<void>((resolve) => (serve = () => resolve(whileServing())));
  let log = '';
  let hasEnded = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
    if (hasEnded || !/"Synced" family="IPv4".*servicePorts=1/.test(log)) return;
    hasEnded = true;
    serve();
  });
  const closed = once(child, 'close');
  try {
    // A program that ends before it serves is an error of the caller's expectation.
    await Promise.race([served, closed]);
  } finally {
    child.kill('SIGTERM');
  }
  const [status] = (await closed) as [number | null];
  return { log, status };
}
