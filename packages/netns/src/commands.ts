/** Runs `ip` and `sh`; the one place of the package that starts short-lived children. */
import { spawn } from 'node:child_process';

/** Runs a command to its end with `input` on stdin. Rejects with its output if it fails. */
export function runCommand(argv: readonly string[], input = ''): Promise<string> {
  const [command = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: 60_000 });
    const output: Buffer[] = [];
    const complained: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => complained.push(chunk));
    child.stdin.on('error', () => undefined); // it ended before it read all: its exit status gives the reason
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const text = Buffer.concat(complained).toString().trim();
      if (code === 0) resolve(Buffer.concat(output).toString());
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
