/** The netlink driver in a process of its own, so that it can live in another network namespace than the test. */
import process from 'node:process';
import { createExecDriver, type Variant } from '@signalbox/iptables';
import type { Family } from '@signalbox/core';
import type { IpvsDriver } from '../driver/ipvs-driver.ts';
import { createNetlinkDriver } from '../driver/netlink-driver.ts';
import type { DriverAnswer, DriverCall } from './driver-protocol.ts';

const [family, variant] = process.argv.slice(2) as [Family, Variant];
const driver: IpvsDriver = createNetlinkDriver({ family, iptables: createExecDriver({ family, variant }) });

async function answer({ id, method, args }: DriverCall): Promise<void> {
  const call = driver[method] as (...values: readonly unknown[]) => unknown;
  const reply: DriverAnswer = { id, value: await call(...args) };
  process.send?.(reply);
}

process.on('message', (message) => void answer(message as DriverCall));
process.on('disconnect', () => void driver.close());
