/** The packed program as it runs on a node: from a folder of its own, against an API server over TLS. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env, execPath } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { usageOf, type Usage } from './process-tree.ts';

export interface Server {
  readonly url: string;
  /** PEM of the authority that signed its certificate; `null`: plain http. */
  readonly ca: string | null;
}

export interface Program {
  usage(): Usage;
  stop(): Promise<void>;
}

const APP = fileURLToPath(new URL('../../apps/proxy', import.meta.url));
const TSUP = fileURLToPath(new URL('../../node_modules/tsup/dist/cli-default.js', import.meta.url));

/** Makes the folder that `startProgram` needs. */
export function pack(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-memory-'));
  const { status } = spawnSync(execPath, [TSUP], {
    cwd: APP,
    stdio: 'inherit',
    env: { ...env, SIGNALBOX_OUT_DIR: folder },
  });
  if (status !== 0) throw new Error('the build failed');
  // A file of its own: pages of the one that runs the API server would count half.
  cpSync(execPath, join(folder, 'node'));
  return folder;
}

export function unpack(folder: string): void {
  rmSync(folder, { recursive: true });
}

/** Legacy or nft: as the node's kubelet has it. */
export function chooseVariant(variant: string): void {
  for (const tool of ['iptables', 'ip6tables']) {
    const words = ['-t', 'mangle', '-N', 'KUBE-KUBELET-CANARY'];
    const { status, stderr } = spawnSync(`${tool}-${variant}`, words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${tool}-${variant}: ${stderr}`);
  }
}

function kubeconfig({ url, ca }: Server): string {
  const authority = ca === null ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster: { server: url, ...authority } }],
    users: [{ name: 'bench', user: {} }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    'current-context': 'bench',
  });
}

/** What the image sets. */
function imageEnvironment(): Readonly<Record<string, string>> {
  const text = readFileSync(join(APP, '../../Dockerfile'), 'utf8');
  const words = [...text.matchAll(/^ENV (.+)$/gm)].flatMap(([, line = '']) => line.split(' '));
  return Object.fromEntries(words.map((word) => [word.split('=', 1)[0], word.slice(word.indexOf('=') + 1)]));
}

async function isReady(): Promise<boolean> {
  try {
    return (await fetch('http://127.0.0.1:10256/readyz')).ok;
  } catch {
    return false;
  }
}

/** A KubeProxyConfiguration for the node `node-a`; answers the path of its file. */
function writeConfiguration(folder: string, server: Server, fields: Fields): string {
  const file = join(folder, 'kubeconfig.json');
  writeFileSync(file, kubeconfig(server));
  const configuration = {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig: file },
    hostnameOverride: 'node-a',
    conntrack: { maxPerCore: 0 },
    ...fields,
  };
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify(configuration));
  return config;
}

/** Fields of the configuration besides those that every measurement has. */
type Fields = Readonly<Record<string, unknown>>;

/** Answers when the first rules were seen in the kernel. */
export async function startProgram(folder: string, server: Server, fields: Fields = {}): Promise<Program> {
  const config = writeConfiguration(folder, server, fields);
  const log = join(folder, 'log');
  const child = spawn(join(folder, 'node'), [join(folder, 'main.js'), `--config=${config}`], {
    stdio: ['ignore', 'ignore', openSync(log, 'w')],
    env: { ...env, ...imageEnvironment() },
  });
  let isOver = false;
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => {
      isOver = true;
      resolve();
    }),
  );
  while (!(await isReady())) {
    if (isOver) throw new Error(`the program ended:\n${readFileSync(log, 'utf8')}`);
    await wait(10);
  }
  return {
    usage: () => usageOf(child.pid ?? 0),
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
