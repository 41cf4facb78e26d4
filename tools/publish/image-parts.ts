/** What the tests of the images share. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { unlessSkipped } from '../rigs/rig.mjs';
import { buildImage, writeLayout } from './image.mjs';
import { describedByNpm } from './sbom.mjs';

/** For what hangs: a build takes ten seconds of a processor, on a busy machine some minutes. */
export const BUILD_LIMIT_MS = 900_000;

export interface BuiltImage {
  readonly layer: Buffer;
  readonly bom: object;
}

/** `missing`: why the image cannot be built on this machine, if a part is in no cache and on no server. */
export async function buildIfPossible(
  root: string,
  architecture: 'amd64' | 'arm64',
): Promise<{ readonly image: BuiltImage; readonly missing: string }> {
  mkdirSync(root);
  const build = async () => buildImage(root, architecture, await describedByNpm());
  const image = build().then((built) => ({ image: built as BuiltImage, missing: '' }));
  return unlessSkipped(image, (missing: string) => ({ image: { layer: Buffer.alloc(0), bom: {} }, missing }));
}

export const digestOf = ({ layer, bom }: BuiltImage): string =>
  createHash('sha256').update(layer).update(JSON.stringify(bom)).digest('hex');

/** Bytes that a node pulls. */
export function sizeOf(image: BuiltImage, folder: string): number {
  const { sizes } = writeLayout(folder, [{ ...image, architecture: 'amd64' }]);
  return sizes['amd64'] ?? 0;
}

const SERVICE = `apiVersion: v1
kind: Node
metadata: {name: node-a}
status: {addresses: [{type: InternalIP, address: 127.0.0.1}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {type: NodePort, clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: default, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{name: '', port: 8080}]
endpoints: [{addresses: [10.244.1.5], conditions: {ready: true}}]
`;

interface Place {
  readonly root: string;
  readonly scratch: string;
  /** The folder of the kernel's modules, as the DaemonSet mounts /lib/modules. */
  readonly modules?: string;
  /** A folder with the files of the ConfigMap. */
  readonly config?: string;
  readonly limitMs?: number;
}

/** Runs a script in the image's root, read-only except /run, in its own network namespace. */
export function runInImage(
  { root, scratch, modules, config, limitMs = 280_000 }: Place,
  script: string,
): { readonly status: number | null; readonly text: string } {
  const outer = `set -e
    mount --rbind ${root} ${root}
    mount -t tmpfs none ${root}/run
    mount -t proc none ${root}/proc
    mount --rbind /dev ${root}/dev
    mount --rbind /sys ${root}/sys
    ${modules === undefined ? '' : `mount --bind ${modules} ${root}/lib/modules`}
    ${config === undefined ? '' : `mount --bind ${config} ${root}/var/lib/kube-proxy`}
    mkdir ${root}/run/signalbox
    ip link set lo up
    cat > ${root}/run/web.yaml < ${scratch}/web.yaml
    mount -o remount,bind,ro ${root}
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    exec chroot ${root} /bin/sh -e -c '${script}'`;
  writeFileSync(path.join(scratch, 'web.yaml'), SERVICE);
  // unshare ignores SIGTERM; --kill-child ends the namespace with it.
  const args = ['--mount', '--net', '--pid', '--fork', '--kill-child', 'sh', '-c', outer];
  const options = { encoding: 'utf8', timeout: limitMs, killSignal: 'SIGKILL' } as const;
  const { status, stdout, stderr } = spawnSync('unshare', args, options);
  return { status, text: stdout + stderr };
}

export const OBJECTS = '--manifests=/run/web.yaml';
const FLAGS = `${OBJECTS} --hostname-override=node-a --conntrack-max-per-core=0`;

interface Served {
  readonly mode: string;
  /** Ends before the proxy starts. */
  readonly prepare?: string;
  /** The proxy; otherwise Signalbox with the flags of the mode. */
  readonly command?: string;
  /** Removes the objects of the proxy, which has ended; otherwise Signalbox with the mode. */
  readonly cleanup?: string;
  /** A command that lists what the kernel has, and the pattern of a line that is there while the Service is served. */
  readonly listing: string;
  readonly pattern: string;
}

/**
 * Runs the proxy until the kernel has the Service, then removes its objects. The image has a shell, and no other general tool.
 * The time limit of the script bounds the loop.
 */
export const serveAndRemove = ({
  mode,
  listing,
  pattern,
  prepare = ':',
  command,
  cleanup,
}: Served): string => `
  print() { while read -r line; do echo "$line"; done < $1; }
  listSockets() { print /proc/net/tcp; print /proc/net/tcp6; }
  isServed() { ${listing} 2> /dev/null | { while read -r line; do case "$line" in ${pattern}) return 0;; esac; done; return 1; }; }
  ${prepare}
  ${command ?? `signalbox --proxy-mode=${mode} ${FLAGS}`} 2> /run/log & proxy=$!
  until isServed; do kill -0 $proxy || { print /run/log; exit 1; }; done
  echo served
  kill $proxy
  wait $proxy || { print /run/log; exit 1; }
  ${cleanup ?? `signalbox --proxy-mode=${mode} --hostname-override=node-a --cleanup`} 2> /run/log || { print /run/log; exit 1; }
  if isServed; then ${listing}; else echo removed; fi`;
