/** Runs `ip` and `sh`; the one place of the package that starts short-lived children. */
import { spawn } from 'node:child_process';
import type { Setup } from './layout.ts';

/** Runs a command to its end with `input` on stdin. Rejects with what it said if it fails. */
export function runCommand(argv: readonly string[], input = ''): Promise<string> {
  const [command = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: 60_000 });
    const said: Buffer[] = [];
    const complained: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => said.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => complained.push(chunk));
    child.stdin.on('error', () => undefined); // it ended before it read all: its exit status tells why
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const text = Buffer.concat(complained).toString().trim();
      if (code === 0) resolve(Buffer.concat(said).toString());
      else reject(new Error(`${argv.join(' ')} failed (${signal ?? `exit ${code}`}): ${text}`));
    });
    child.stdin.end(input);
  });
}

/** The command line that runs what follows it in a namespace. */
export function inNamespace(namespace: string): readonly string[] {
  return ['ip', 'netns', 'exec', namespace];
}

export async function ipBatch(lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await runCommand(['ip', '-batch', '-'], `${lines.join('\n')}\n`);
}

/** `ip` in a namespace, without entering it. */
export async function ipBatchIn(namespace: string, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await runCommand(['ip', '-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);
}

/** Settings must be there before the interfaces: interfaces copy the defaults when they are made. */
export async function applySettings({ namespace, settings }: Setup): Promise<void> {
  const writes = Object.entries(settings).map(([name, value]) => {
    const file = `/proc/sys/net/${name}`;
    // br_netfilter is a module: where it is not loaded there is nothing to set.
    const unlessAbsent = name.startsWith('bridge/') ? `[ ! -e ${file} ] || ` : '';
    return `${unlessAbsent}echo ${value} > ${file}`;
  });
  await runCommand([...inNamespace(namespace), 'sh', '-ec', writes.join('\n')]);
}

export async function applyNetwork({ namespace, ip, ip6 }: Setup): Promise<void> {
  await ipBatchIn(namespace, ip);
  if (ip6.length > 0) await runCommand(['ip', '-6', '-n', namespace, '-batch', '-'], `${ip6.join('\n')}\n`);
}
