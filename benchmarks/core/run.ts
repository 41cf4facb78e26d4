/**
 * How long the core needs and how much it holds:
 * `npm run bench -- core [--smoke]`.
 */
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { measure, type Measurement } from './measure.ts';

const SIZES = { smoke: [100, 500], full: [1000, 10_000] } as const;
const ENDPOINTS_PER_SERVICE = 10;

function line({ size, loadMilliseconds, bytesPerEndpoint, microsecondsPerChange }: Measurement): string {
  return [
    `${size.services} services x ${size.endpointsPerService} endpoints:`,
    `load ${loadMilliseconds.toFixed(0)} ms,`,
    `heap per endpoint ${bytesPerEndpoint.toFixed(0)} B,`,
    `one endpoint change ${microsecondsPerChange.toFixed(1)} µs`,
  ].join(' ');
}

/** Prints one line per size and the ratio of the times: 1 means that a change costs the same in any cluster. */
export function runCoreBenchmark(form: keyof typeof SIZES): readonly Measurement[] {
  // The first run warms the compiler up and is not shown.
  measure({ services: 200, endpointsPerService: ENDPOINTS_PER_SERVICE }, 500);
  const results = SIZES[form].map((services) =>
    measure({ services, endpointsPerService: ENDPOINTS_PER_SERVICE }, form === 'smoke' ? 100 : 1000),
  );
  for (const result of results) console.log(`core: ${line(result)}`);
  const [small, large] = results;
  if (small !== undefined && large !== undefined) {
    const ratio = large.microsecondsPerChange / small.microsecondsPerChange;
    console.log(`core: a change in the larger cluster takes ${ratio.toFixed(2)} times as long`);
  }
  return results;
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  runCoreBenchmark(argv.includes('--smoke') ? 'smoke' : 'full');
}
