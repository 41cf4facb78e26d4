/** How the kernel picks a real server: the scheduler of a virtual server. */
import {
  hasWeights,
  type BalancingAlgorithm,
  type BalancingSupport,
  type DesiredServicePort,
} from '@signalbox/core';
import { IP_VS_SVC_F_SCHED2 } from '../objects/virtual-server.ts';

/** What kube-proxy uses when none is named. */
export const DEFAULT_SCHEDULER = 'rr';

/** Schedulers of Linux up to 6.x. The kernel has the last word: others may come as modules. */
export const SCHEDULERS: readonly string[] = [
  'rr',
  'wrr',
  'lc',
  'wlc',
  'lblc',
  'lblcr',
  'dh',
  'sh',
  'sed',
  'nq',
  'fo',
  'ovf',
  'mh',
  'twos',
];

/**
 * Maglev hashing by address alone would send every connection of a client to one endpoint, which is what
 * session affinity is for: it hashes the port too.
 */
export function schedulerFlags(scheduler: string): number {
  return scheduler === 'mh' ? IP_VS_SVC_F_SCHED2 : 0;
}

/** The kernel has no scheduler that chooses at random. */
const SCHEDULER_OF = { 'round-robin': 'rr', 'least-connections': 'lc', maglev: 'mh' } as const;

type Supported = keyof typeof SCHEDULER_OF;

const ALGORITHMS: readonly Supported[] = ['round-robin', 'least-connections', 'maglev'];

function isSupported(algorithm: BalancingAlgorithm): algorithm is Supported {
  return algorithm in SCHEDULER_OF;
}

/** Schedulers that ignore weights, with those that do the same by weight. All others regard weights. */
const WEIGHTED: Readonly<Record<string, string>> = { rr: 'wrr', lc: 'wlc' };

/** The one of the node (`--ipvs-scheduler`), and those that this kernel does not have. */
export interface Schedulers {
  readonly scheduler: string;
  readonly missingSchedulers: ReadonlySet<string>;
}

/** What the service port specifies, in the order of preference; the last is the default of the node. */
export function preferredSchedulers(servicePort: DesiredServicePort, scheduler: string): readonly string[] {
  const { balancing } = servicePort;
  const isWeighted = hasWeights(servicePort);
  const own =
    balancing !== null && isSupported(balancing) ? [SCHEDULER_OF[balancing], scheduler] : [scheduler];
  return own.flatMap((each) => (isWeighted ? [WEIGHTED[each] ?? each, each] : [each]));
}

export function schedulerOf(
  servicePort: DesiredServicePort,
  { scheduler, missingSchedulers }: Schedulers,
): string {
  const preferred = preferredSchedulers(servicePort, scheduler);
  return preferred.find((each) => !missingSchedulers.has(each)) ?? scheduler;
}

export function balancingOf({ scheduler, missingSchedulers }: Schedulers): BalancingSupport {
  const isThere = (name: string): boolean => !missingSchedulers.has(name);
  return {
    algorithms: ALGORITHMS.filter((algorithm) => isThere(SCHEDULER_OF[algorithm])),
    default: `the IPVS scheduler ${scheduler}`,
    weights: Object.values(WEIGHTED).every(isThere),
  };
}
