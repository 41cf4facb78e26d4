/** One measurement in the namespace it is started in: `measure.ts VARIANT SERVICES`. Prints JSON. */
// oxlint-disable-next-line import/no-unassigned-import -- as the program does, first of all
import '../../apps/proxy/src/heap.ts';
import { argv, resourceUsage, stdout } from 'node:process';
import { createExecDriver, createIptablesBackend, type Variant } from '@signalbox/backend-iptables';
import {
  changeBetween,
  sampleEndpoints,
  sampleService,
  sampleState,
} from '@signalbox/backend-iptables/testing';
import {
  fullChange,
  type Backend,
  type DesiredChange,
  type DesiredEndpoint,
  type DesiredState,
  type SyncResult,
} from '@signalbox/core';
import { median } from '../statistics.ts';
import { cpu } from './cpu.ts';

export interface SyncTimes {
  readonly variant: string;
  readonly services: number;
  /** In both tables. */
  readonly rules: number;
  /** Milliseconds, as are the next. */
  readonly firstSync: number;
  /** Of a new process that finds everything in place. */
  readonly adoption: number;
  /** Median: one endpoint of one service is replaced. */
  readonly oneChange: number;
  /** A sync of nothing that compares everything with the kernel. */
  readonly look: number;
  /** Of this process and of the tools that it runs. */
  readonly cpuPer200Changes: number;
  readonly rssMegabytes: number;
}

const CHANGES = 200;

/** Ten, on other nodes, as nearly all of a cluster's are. */
function endpointsOf(index: number): readonly DesiredEndpoint[] {
  return sampleEndpoints(index, 10).map((endpoint) => ({ ...endpoint, isLocal: false }));
}

async function timed(backend: Backend, change: DesiredChange): Promise<{ ms: number; result: SyncResult }> {
  const start = performance.now();
  const result = await backend.sync(change);
  if (result.outcome !== 'ok') throw new Error(JSON.stringify(result));
  return { ms: performance.now() - start, result };
}

/** The state with the first endpoint of one service replaced. */
function replaced(state: DesiredState, index: number, turn: number): DesiredState {
  const before = endpointsOf(index);
  const first = { address: '10.244.255.250', port: 9000 + (turn % 1000), isLocal: false };
  const service = sampleService({ index, endpoints: [first, ...before.slice(1)] });
  return { ...state, servicePorts: new Map(state.servicePorts).set(service.key, service) };
}

async function measure(variant: Variant, services: number): Promise<SyncTimes> {
  const create = (): Backend =>
    createIptablesBackend({ family: 'IPv4', driver: createExecDriver({ family: 'IPv4', variant }) });
  const all = Array.from({ length: services }, (_, index) =>
    sampleService({ index, endpoints: endpointsOf(index) }),
  );
  let state = sampleState(all);
  const backend = create();
  const first = await timed(backend, fullChange(state));
  const adoption = await timed(create(), fullChange(state));
  if (adoption.result.counters['restores'] !== 0) throw new Error('a restart must not write');
  const times: number[] = [];
  const before = cpu();
  for (let turn = 0; turn < CHANGES; turn++) {
    const next = replaced(state, (turn * 7919) % services, turn);
    times.push((await timed(backend, changeBetween(state, next))).ms);
    state = next;
  }
  const spent = cpu() - before;
  const look = await timed(backend, changeBetween(state, state));
  if (look.result.counters['restores'] !== 0) throw new Error('a look must not write');
  const { counters } = first.result;
  return {
    variant,
    services,
    rules: (counters['rulesTotalNat'] ?? 0) + (counters['rulesTotalFilter'] ?? 0),
    firstSync: first.ms,
    adoption: adoption.ms,
    oneChange: median(times),
    look: look.ms,
    cpuPer200Changes: spent,
    rssMegabytes: resourceUsage().maxRSS / 1024,
  };
}

const [, , variant = 'nft', services = '100'] = argv;
stdout.write(JSON.stringify(await measure(variant as Variant, Number(services))));
