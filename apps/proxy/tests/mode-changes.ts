/** One change of the proxy mode, at a start or in the running process, and what has to hold during and after it. */
import { whileConnecting, type ReplayRow, type Streams } from '@signalbox/netns';
import { expect } from 'vitest';
import {
  balancerIP,
  call,
  CLIENT,
  clusterIP,
  EMPTY,
  get,
  GONE,
  LOCAL,
  NODE_IP,
  nodePort,
  openFlows,
  OUTSIDE,
  ROWS,
  startProxy,
  stickyEndpoints,
  WEB,
  write,
  writeConfig,
  type ModeRig,
} from './mode-world.ts';
import { eventually } from './node-processes.ts';

/** A mode in one variant, and how its objects are found in the kernel. */
export interface Kind {
  readonly name: string;
  readonly mode: string;
  /** Makes the node one whose other tools use this variant. */
  readonly prepare?: (rig: ModeRig) => Promise<void>;
  /** The kernel does not let it have clients of other modes. */
  readonly takesNoAffinity?: true;
  /** Its clients with session affinity are known to no other mode. */
  readonly givesNoAffinity?: true;
  /** What the mode has left in the kernel although another one serves. */
  readonly remains: (rig: ModeRig) => Promise<readonly string[]>;
  /** Ways to Services in which clients see the same in this mode as in the others; absent: all. */
  readonly rows?: readonly ReplayRow[];
}

export type How = 'at start' | 'live';

export interface Change {
  readonly from: Kind;
  readonly to: Kind;
  readonly how: How;
}

/** Every ordered pair once, each change from where the last one led. */
export function walk(kinds: readonly Kind[], how: How): readonly Change[] {
  const left = new Set(
    kinds.flatMap((from) => kinds.filter((to) => to !== from).map((to) => [from, to] as const)),
  );
  const path: Kind[] = [];
  const visit = (at: Kind): void => {
    for (const pair of left) {
      if (pair[0] !== at || !left.delete(pair)) continue;
      visit(pair[1]);
    }
    path.unshift(at);
  };
  const [first] = kinds;
  if (first !== undefined) visit(first);
  return path.slice(1).map((to, index) => ({ from: path[index] ?? to, to, how }));
}

const log = (rig: ModeRig) => (): string => rig.proxy?.log() ?? '';

/** Connects in every way, one after the other, while the mode changes: none may fail. */
export async function changeMode(rig: ModeRig, change: Change, others: readonly Kind[]): Promise<void> {
  const flows = await Promise.all([CLIENT, OUTSIDE, NODE_IP].map((from) => openFlows(rig, from)));
  const endpoints = await stickyEndpoints(rig);
  const stream = async (streams: Streams): Promise<void> => {
    await goesOn(rig, streams);
    await apply(rig, change);
    await goesOn(rig, streams);
  };
  const report = await whileConnecting(
    rig.world,
    change.from.rows ?? change.to.rows ?? ROWS,
    stream,
    rig.pace,
  );
  const problems = rig.countsRepeatedSyns
    ? report.problems
    : report.problems.filter((text) => !text.endsWith('SYNs again'));
  if (!report.tooSlow) expect(problems, log(rig)()).toEqual([]);
  const isCarried = change.to.takesNoAffinity !== true && change.from.givesNoAffinity !== true;
  if (isCarried) expect(await stickyEndpoints(rig), log(rig)()).toEqual(endpoints);
  for (const flow of flows) await flow.answered();
  for (const flow of flows) flow.end();
  for (const kind of others) {
    await eventually(
      () => kind.remains(rig),
      (left) => left.length === 0,
      log(rig),
    );
  }
}

/** Each row makes more connections. */
async function goesOn(rig: ModeRig, streams: Streams): Promise<void> {
  const before = streams.fewest();
  await eventually(
    async () => streams.fewest(),
    (count) => count > before + 3,
    log(rig),
  );
}

async function apply(rig: ModeRig, { to, how, from }: Change): Promise<void> {
  if (how === 'at start') {
    expect(await rig.proxy?.end('SIGTERM')).toBe(0);
    await to.prepare?.(rig);
    await startProxy(rig, to.mode);
  } else {
    await to.prepare?.(rig);
    if (to.mode !== from.mode) writeConfig(rig, to.mode);
  }
  await eventually(
    () => get(rig, '10249/proxyMode'),
    ({ body }) => body === to.mode,
    log(rig),
  );
  await eventually(
    () => from.remains(rig),
    (left) => left.length === 0,
    log(rig),
  );
  await eventually(
    () => get(rig, '10256/readyz'),
    ({ status }) => status === 200,
    log(rig),
  );
}

const POD = WEB.endpoints?.[0] ?? '';

/** Endpoints appear where there were none, a local endpoint appears, a Service is deleted; and back. */
export async function followsChanges(rig: ModeRig): Promise<void> {
  write(rig, { ...EMPTY, endpoints: [POD] });
  write(rig, { ...LOCAL, endpoints: [POD] });
  write(rig, GONE, 'delete');
  const ways = [
    [CLIENT, clusterIP(EMPTY.index), 80],
    [OUTSIDE, balancerIP(EMPTY.index), 80],
    [OUTSIDE, NODE_IP, nodePort(EMPTY.index)],
    [OUTSIDE, balancerIP(LOCAL.index), 80],
    [OUTSIDE, NODE_IP, nodePort(LOCAL.index)],
  ] as const;
  for (const [from, address, port] of ways) {
    await eventually(
      () => call(rig, from, address, port),
      (answer) => answer === POD,
      log(rig),
    );
  }
  const gone = [
    [CLIENT, clusterIP(GONE.index), 80],
    [OUTSIDE, NODE_IP, nodePort(GONE.index)],
  ] as const;
  for (const [from, address, port] of gone) {
    await eventually(
      () => call(rig, from, address, port),
      (answer) => answer !== POD,
      log(rig),
    );
  }
  write(rig, EMPTY);
  write(rig, LOCAL);
  write(rig, GONE);
  await eventually(
    () => call(rig, CLIENT, clusterIP(GONE.index)),
    (answer) => answer === POD,
    log(rig),
  );
  await eventually(
    () => call(rig, CLIENT, clusterIP(EMPTY.index)),
    (answer) => answer !== POD,
    log(rig),
  );
}
