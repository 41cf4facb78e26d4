/**
 * What IPVS mode costs: on a fake kernel, which shows the share of Signalbox, and on a real one inside User-Mode Linux
 * (slower than the machine's own by some factor; ratios count).
 * `npm run bench -- ipvs [--smoke]`.
 */
import { spawnSync } from 'node:child_process';
import { argv, execArgv, execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import type { IpvsTimes } from './measure.ts';

const SIZES = {
  smoke: { fake: [200], kernel: [] },
  full: { fake: [500, 5000], kernel: [500, 5000] },
} as const;
const MEASURE = fileURLToPath(new URL('./measure.ts', import.meta.url));
const UML_RUN = fileURLToPath(new URL('../../tools/uml-run', import.meta.url));
/** uml-run's own: there is no such kernel here. */
const NO_KERNEL = 125;

/** `null` where there is no User-Mode Linux. */
function measureIn(place: 'fake' | 'kernel', services: number): IpvsTimes | null {
  const program = [execPath, ...execArgv, MEASURE, place, String(services)];
  const [file = '', ...args] = place === 'kernel' ? [UML_RUN, '--timeout', '900', ...program] : program;
  const done = spawnSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  if (done.status === 0) return JSON.parse(done.stdout) as IpvsTimes;
  if (place === 'kernel' && done.status === NO_KERNEL) return null;
  throw new Error(`${place} ${services}: ${done.stderr}${done.stdout}`);
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function row(times: IpvsTimes): readonly string[] {
  return [
    times.place,
    String(times.services),
    String(times.writes),
    ms(times.firstSync),
    ms(times.adoption),
    ms(times.oneChange),
    String(times.writesPerChange),
    `${times.rssMegabytes.toFixed(0)} MB`,
  ];
}

const HEAD = ['kernel', 'services', 'writes', 'first sync', 'restart', 'one change', 'its writes', 'RSS'];

const sizes = SIZES[argv.includes('--smoke') ? 'smoke' : 'full'];
const results = [
  ...sizes.fake.map((services) => measureIn('fake', services)),
  ...sizes.kernel.map((services) => measureIn('kernel', services)),
];
const rows = [HEAD, ...results.filter((times) => times !== null).map(row)];
const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0)));
for (const cells of rows)
  console.log(cells.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '));
if (results.includes(null)) console.log('ipvs: no User-Mode Linux here, nothing measured on a real kernel');
