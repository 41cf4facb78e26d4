/** What the demo prints; colours only on a terminal that supports them. */
import type { DemoObjects, Frontend } from './objects.ts';
import { formatFrontend } from './distribution.ts';
import type { RuleCount } from './box.ts';

const colours = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;

function paint(code: number, text: string): string {
  return colours ? `\u001B[${code}m${text}\u001B[0m` : text;
}

export function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

export function heading(text: string): void {
  print('', paint(1, text));
}

/**
 * The messages of an error in the order in which they occurred. An error during the disposal by `await using` has the error before it as
 * `suppressed`; the class SuppressedError does not exist in Node.js 20.
 */
export function messagesOf(error: unknown): readonly string[] {
  if (typeof error === 'object' && error !== null && 'suppressed' in error && 'error' in error)
    return [...messagesOf(error.suppressed), ...messagesOf(error.error)];
  return [error instanceof Error ? error.message : String(error)];
}

export function printFailure(error: unknown): void {
  const lines = messagesOf(error).map((message) => `signalbox demo: ${message}`);
  process.stderr.write(`\n${lines.join('\n')}\n`);
}

export function milliseconds(value: number): string {
  return `${Math.round(value)} ms`;
}

export function describeServices({ frontends, endpoints }: DemoObjects): readonly string[] {
  const services = [...new Set(frontends.map(({ service }) => service))];
  return services.flatMap((service) => {
    const own = frontends.filter((frontend) => frontend.service === service);
    const kind = (wanted: Frontend['kind']): string =>
      own
        .filter((frontend) => frontend.kind === wanted)
        .map(formatFrontend)
        .join('  ');
    const listed = endpoints.filter((endpoint) => endpoint.service === service);
    const pods = [...new Set(listed.map(({ pod, node }) => (node === 'node-a' ? pod : `${pod} (${node})`)))];
    return [
      `  ${service.padEnd(16)} ${kind('ClusterIP')}`,
      `  ${''.padEnd(16)} ${kind('NodePort')}`,
      `  ${''.padEnd(16)} endpoints: ${pods.join('  ')}`,
    ];
  });
}

export function describeRules(counts: readonly RuleCount[]): string {
  return counts
    .map(({ family, rules, chains }) => `${rules} rules in ${chains} chains (${family})`)
    .join(', ');
}
