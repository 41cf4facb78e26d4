/** The netlink driver in a process of its own, so that it can live in another network namespace than the test. */
import process from 'node:process';
import type { Family } from '@signalbox/core';
import { serveRemote } from '@signalbox/netns/remote';
import { createOwnCommits } from '../driver/own-commits.ts';
import type { RemoteNftables } from './remote-nftables.ts';
import { createNetlinkDriver } from '../driver/netlink-driver.ts';

const [family] = process.argv.slice(2) as [Family];
const driver = createNetlinkDriver({ family });
const ownCommits = createOwnCommits();
const served: RemoteNftables = {
  ...driver,
  commit: (work) => driver.commit({ ...work, ownCommits }),
  observe: (sets) => driver.observe(sets),
  readCounters: (sets) => driver.readCounters(sets, () => true),
};
serveRemote(served, () => driver.close());
