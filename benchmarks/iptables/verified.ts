/**
 * How long changes take while the kernel is verified all the time, which is a hundred times as often as in operation:
 * `verified.ts VARIANT SERVICES CHANGES`, in the namespace it is started in. Prints JSON.
 */
// oxlint-disable-next-line import/no-unassigned-import -- as the program does, first of all
import '../../apps/proxy/src/heap.ts';
import { argv, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { createExecDriver, createIptablesBackend, type Variant } from '@signalbox/backend-iptables';
import {
  changeBetween,
  sampleEndpoints,
  sampleService,
  sampleState,
} from '@signalbox/backend-iptables/testing';
import { percentile } from '../statistics.ts';
import { fullChange, type DesiredServicePort } from '@signalbox/core';
import { backgroundClock } from '@signalbox/core/system-clock';

export interface VerifiedTimes {
  readonly variant: string;
  readonly services: number;
  /** Milliseconds of one change, as are the next. Without verification. */
  readonly alone: Percentiles;
  /** While one verification follows the other. */
  readonly verified: Percentiles;
  /** Listings that were made meanwhile. */
  readonly verifications: number;
}

interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

/** To a clock that stands still no verification takes time, so the next one is always due. */
const ALWAYS_DUE = { ...backgroundClock, elapsed: () => 0 };

function percentiles(times: readonly number[]): Percentiles {
  return { p50: percentile(times, 0.5), p95: percentile(times, 0.95) };
}

function serviceAt(index: number, port: number): DesiredServicePort {
  const endpoints = sampleEndpoints(index, 10, port).map((endpoint) => ({ ...endpoint, isLocal: false }));
  return sampleService({ index, endpoints });
}

async function measure(variant: Variant, services: number, changes: number): Promise<VerifiedTimes> {
  const exec = createExecDriver({ family: 'IPv4', variant });
  let listings = 0;
  let port = 9000;
  const save: typeof exec.save = (onLine) => {
    listings++;
    return exec.save(onLine);
  };
  const backend = createIptablesBackend({ family: 'IPv4', driver: { ...exec, save }, clock: ALWAYS_DUE });
  const unwatch = backend.watch?.((what) => {
    throw new Error(`verification reports ${what}, which no other process did`);
  });
  const all = Array.from({ length: services }, (_, index) => serviceAt(index, 8080));
  let state = sampleState(all);
  await backend.sync(fullChange(state));
  const series = async (isVerified: boolean): Promise<Percentiles> => {
    const times: number[] = [];
    for (let turn = 0; turn < changes; turn++) {
      // A sync of nothing asks for a verification.
      if (isVerified) await backend.sync(changeBetween(state, state));
      await wait(20);
      const service = serviceAt((turn * 7919) % services, port++);
      const next = { ...state, servicePorts: new Map(state.servicePorts).set(service.key, service) };
      const change = changeBetween(state, next);
      const start = performance.now();
      const result = await backend.sync(change);
      times.push(performance.now() - start);
      if (result.scope !== 'partial') throw new Error(JSON.stringify(result));
      state = next;
    }
    return percentiles(times);
  };
  const alone = await series(false);
  const before = listings;
  const verified = await series(true);
  const verifications = listings - before;
  unwatch?.();
  await backend.close();
  return { variant, services, alone, verified, verifications };
}

const [, , variant = 'nft', services = '100', changes = '20'] = argv;
stdout.write(JSON.stringify(await measure(variant as Variant, Number(services), Number(changes))));
