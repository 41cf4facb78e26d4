/**
 * What nftables mode costs on this machine's kernel, in network namespaces of its own:
 * `npm run bench -- nftables [--smoke]`. Needs unshare and ip.
 */
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { ms, packScripts, printTable } from '../harness.ts';
import type { WholeNodeTimes } from '../iptables/whole-node.ts';

interface Size {
  readonly services: number;
  readonly endpoints: number;
}

const SIZES: Readonly<Record<'smoke' | 'full', readonly Size[]>> = {
  smoke: [{ services: 50, endpoints: 10 }],
  full: [
    { services: 1000, endpoints: 10 },
    { services: 5000, endpoints: 10 },
    { services: 10_000, endpoints: 10 },
    { services: 5000, endpoints: 50 },
    { services: 44_000, endpoints: 1 },
  ],
};

const HEAD = [
  'services x endpoints',
  'first sync',
  'RSS, highest',
  'RSS, settled',
  'change followed, p50',
  'p95',
  'writes, CPU',
];

function row({ services, endpoints }: Size, times: WholeNodeTimes): readonly string[] {
  return [
    `${services} x ${endpoints}`,
    ms(times.firstSync),
    `${times.rssMegabytes.toFixed(0)} MB`,
    `${times.settledMegabytes.toFixed(0)} MB`,
    ms(times.follows),
    ms(times.followsP95),
    ms(times.cpuOfWrites),
  ];
}

const form = argv.includes('--smoke') ? 'smoke' : 'full';
const scripts = await packScripts([fileURLToPath(new URL('../iptables/whole-node.ts', import.meta.url))]);
try {
  const measured = SIZES[form].map((size) => {
    const times = scripts.inNamespace('whole-node', 'nftables', size.services, form, size.endpoints);
    return { size, times: times as WholeNodeTimes | null };
  });
  const done = measured.flatMap(({ size, times }) => (times === null ? [] : [{ size, times }]));
  if (done.length === 0) console.log('nftables: skipped, no network namespaces here');
  else printTable([HEAD, ...done.map(({ size, times }) => row(size, times))]);
  const [small, large] = [1000, 10_000].map((count) => done.find(({ size }) => size.services === count));
  if (small !== undefined && large !== undefined) {
    const ratio = (large.times.follows / small.times.follows).toFixed(2);
    console.log(`nftables: a change among 10,000 services takes ${ratio} times as long as among 1,000`);
  }
} finally {
  scripts.remove();
}
