import { spawn } from 'node:child_process';

/** Why a command did not start. */
export function startProblem(command: string, error: NodeJS.ErrnoException): string {
  return error.code === 'ENOENT' ? `command not found: ${command}` : error.message;
}

/** Runs lines in one `ip -batch`, up to the first that fails. `null`: done; else what `ip` complained of, in one line. */
export function runIp(lines: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn('ip', ['-batch', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
    const complaints: string[] = [];
    child.stderr.on('data', (chunk) => complaints.push(String(chunk)));
    child.on('error', (error) => resolve(startProblem('ip', error)));
    child.on('close', (status) => {
      const [first = ''] = complaints.join('').trim().split('\n');
      resolve(status === 0 ? null : `ip: ${first}`);
    });
    // EPIPE: the process exited before it read all its input; its exit status gives the reason.
    child.stdin.on('error', () => undefined);
    child.stdin.end(`${lines.join('\n')}\n`);
  });
}
