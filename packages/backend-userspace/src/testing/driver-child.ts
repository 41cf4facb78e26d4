/** The driver in a process of its own, so that its sockets are in another network namespace than the test. */
import process from 'node:process';
import type { Family } from '@signalbox/core';
import { serveRemote } from '@signalbox/netns/remote';
import { createSystemDriver } from '../driver/system-driver.ts';

const [family, drainTimeout] = process.argv.slice(2) as [Family, string];
const driver = createSystemDriver({ family, drainTimeout: Number(drainTimeout) });
serveRemote(driver, () => driver.close());
