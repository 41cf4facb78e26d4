// Tests that need IPVS and dummy links, in a User-Mode Linux kernel: few machines have both, and none is harmed.
import path from 'node:path';
import { ensureHostPackages } from '../host-packages.mjs';
import { run } from '../process.mjs';
import { runVitest } from './vitest.mjs';

function skip(reason) {
  process.stdout.write(`SKIPPED: ${reason}\n`);
  return { passed: 0, failed: 0, skipped: 1, reason };
}

export async function runUml(context) {
  const missing = await ensureHostPackages('uml', context.env);
  if (missing !== null) return skip(missing);
  // Five minutes on a quiet machine; the limit is there for what hangs.
  const uml = [path.join(context.root, 'tools', 'uml-run'), '--timeout', '1150', '--'];
  const [command, ...args] = [...uml, 'true'];
  const probe = await run(command, args, { env: context.env, capture: true, timeoutSeconds: 60 });
  const lastLine = probe.output.trim().split('\n').at(-1) ?? '';
  if (probe.status !== 0)
    return skip(`User-Mode Linux does not start here (exit ${probe.status}): ${lastLine}`);
  return runVitest('uml', context, uml);
}
