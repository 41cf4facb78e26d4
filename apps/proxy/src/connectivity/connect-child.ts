/**
 * The process of a temporary pod, alone in its network namespace: the namespace is there as long as this process is. It ends with
 * its standard input, so that nothing is left of it however the command ends. One JSON value a line, both ways.
 */
import { createInterface } from 'node:readline';
import { connectAll, type ConnectRequest } from './connect.ts';
import { runIp } from './run-ip.ts';

type Request =
  | { readonly id: number; readonly connect: ConnectRequest }
  /** Lines for `ip -batch`, in this namespace. */
  | { readonly id: number; readonly ip: readonly string[] };

function reply(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

async function answer(request: Request): Promise<void> {
  const { id } = request;
  if ('ip' in request) reply({ id, error: await runIp(request.ip) });
  else reply({ id, attempts: await connectAll(request.connect) });
}

process.stdout.on('error', () => process.exit(1));
const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => void answer(JSON.parse(line) as Request));
lines.on('close', () => process.exit(0));
reply({ id: 0, pid: process.pid });
