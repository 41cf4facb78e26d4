/**
 * What nftables mode costs on this machine's kernel: the packed program against an API server, and connections in comparison
 * with iptables mode, each in a network namespace of its own: `npm run bench -- nftables [--smoke | --quick]`, where `--quick`
 * leaves out the two largest clusters. Needs root, ip, openssl and iptables. Each line has the aim beside what was measured.
 */
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { ms, packScripts, printTable, runInNamespace } from '../harness.ts';
import type { ConnectTimes } from '../iptables/connect.ts';
import { pack, unpack } from '../memory/program.ts';
import { median } from '../statistics.ts';
import type { ProgramTimes } from './whole-program.ts';

interface Size {
  readonly services: number;
  readonly endpoints: number;
}

const TEN: readonly Size[] = [1000, 5000, 10_000].map((services) => ({ services, endpoints: 10 }));
const LARGEST: readonly Size[] = [
  { services: 5000, endpoints: 50 },
  { services: 44_000, endpoints: 1 },
];
const SIZES = { smoke: [{ services: 50, endpoints: 10 }], quick: TEN, full: [...TEN, ...LARGEST] } as const;
type Form = keyof typeof SIZES;

/** Of each mode, taking turns. */
const CONNECT = {
  smoke: { services: 50, runs: 1 },
  quick: { services: 10_000, runs: 3 },
  full: { services: 10_000, runs: 7 },
} as const;

interface Row {
  readonly what: string;
  readonly value: number;
  readonly format: (value: number) => string;
  /** At most this much; absent where there is only kube-proxy's own number, or none. */
  readonly aim?: number;
}

const seconds = (value: number): string => `${(value / 1000).toFixed(2)} s`;
const megabytes = (value: number): string => `${value.toFixed(0)} MB`;
const ratio = (value: number): string => value.toFixed(2);

interface Measured extends Size {
  readonly times: ProgramTimes;
}

const FIRST_SYNC_AIMS: ReadonlyMap<string, number> = new Map([
  ['5000 x 10', 1200],
  ['10000 x 10', 2500],
]);

function programRows({ services, endpoints, times }: Measured): readonly Row[] {
  const name = `${services} x ${endpoints}`;
  const isOfTen = endpoints === 10;
  const first = FIRST_SYNC_AIMS.get(name);
  return [
    {
      what: `${name}: start to first sync verified`,
      value: times.firstSync,
      format: seconds,
      ...(first === undefined ? {} : { aim: first }),
    },
    { what: `${name}: CPU of it`, value: times.firstSyncCPU, format: seconds },
    {
      what: `${name}: change followed, p50`,
      value: times.followsP50,
      format: ms,
      ...(isOfTen ? { aim: 5 } : {}),
    },
    {
      what: `${name}: change followed, p95`,
      value: times.followsP95,
      format: ms,
      ...(isOfTen ? { aim: 15 } : {}),
    },
    {
      what: `${name}: RSS after the first sync`,
      value: times.rss,
      format: megabytes,
      ...(name === '5000 x 10' ? { aim: 130 } : {}),
    },
    { what: `${name}: RSS, highest`, value: times.rssHighest, format: megabytes },
    ...(services !== 1000
      ? []
      : [
          { what: `${name}: CPU of 200 writes in 10 s`, value: times.cpuOfWrites, format: seconds, aim: 300 },
        ]),
  ];
}

function ratioRows(measured: readonly Measured[]): readonly Row[] {
  const [small, large] = [1000, 10_000].map((count) => measured.find(({ services }) => services === count));
  if (small === undefined || large === undefined) return [];
  const value = large.times.followsP50 / small.times.followsP50;
  return [{ what: 'change followed, p50: 10000 services to 1000', value, format: ratio, aim: 1.3 }];
}

interface Connects {
  readonly tree: number[];
  /**
   * To a connect that the same process made before there were rules. A process by itself takes 37 to 60 µs for that, depending on
   * where and when it runs: more than what the rules add.
   */
  readonly toDirect: number[];
}

async function connectRows({ services, runs }: (typeof CONNECT)[Form]): Promise<readonly Row[]> {
  const scripts = await packScripts([fileURLToPath(new URL('../iptables/connect.ts', import.meta.url))]);
  const nftables: Connects = { tree: [], toDirect: [] };
  const legacy: Connects = { tree: [], toDirect: [] };
  const times = { nftables, legacy };
  try {
    for (const backend of Array.from({ length: runs }, () => ['nftables', 'legacy'] as const).flat()) {
      const measured = scripts.inNamespace('connect', services, backend) as ConnectTimes | null;
      if (measured === null) continue;
      times[backend].tree.push(measured.tree);
      times[backend].toDirect.push(measured.tree / measured.direct);
    }
  } finally {
    scripts.remove();
  }
  const microseconds = (value: number): string => `${value.toFixed(0)} µs`;
  const last = `the last of ${services} services`;
  const value = median(nftables.toDirect) / median(legacy.toDirect);
  return [
    { what: `TCP connect to ${last}, nftables`, value: median(nftables.tree), format: microseconds },
    { what: `TCP connect to ${last}, iptables tree`, value: median(legacy.tree), format: microseconds },
    { what: 'TCP connect: nftables to iptables tree', value, format: ratio, aim: 1.1 },
  ];
}

function cells({ what, value, format, aim }: Row): readonly string[] {
  if (aim === undefined) return [what, format(value), '', ''];
  return [what, format(value), format(aim), value <= aim ? 'met' : 'missed'];
}

function measurePrograms(form: Form): readonly Measured[] {
  const folder = pack();
  try {
    const script = fileURLToPath(new URL('whole-program.ts', import.meta.url));
    return SIZES[form].flatMap((size) => {
      const kind = form === 'smoke' ? 'smoke' : 'full';
      const args = [folder, size.services, size.endpoints, kind].map(String);
      const times = runInNamespace(script, args) as ProgramTimes | null;
      return times === null ? [] : [{ ...size, times }];
    });
  } finally {
    unpack(folder);
  }
}

const form: Form = argv.includes('--smoke') ? 'smoke' : argv.includes('--quick') ? 'quick' : 'full';
const measured = measurePrograms(form);
if (measured.length === 0) console.log('nftables: skipped, no network namespaces here');
else {
  const rows = [
    ...measured.flatMap(programRows),
    ...ratioRows(measured),
    ...(await connectRows(CONNECT[form])),
  ];
  printTable([['measured', 'value', 'aim, at most', ''], ...rows.map(cells)]);
}
