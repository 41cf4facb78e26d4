/**
 * The packed program in nftables mode while its answers about Services are read, in the namespace this is started in:
 * `inspected.ts FOLDER SERVICES ENDPOINTS CHANGES`. FOLDER is that of `pack`. Prints JSON.
 */
import { argv, stdout } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';
import { startProgram } from '../memory/program.ts';
import { CONFIG, startCluster, timeChanges } from '../nftables/cluster.ts';

export interface FollowTimes {
  /** Milliseconds from the write of a slice to the first connection that its endpoint gets: while nothing is read. */
  readonly unread: readonly number[];
  /** The same while a client reads. */
  readonly read: readonly number[];
  /** Answers that the client got. */
  readonly answers: number;
}

const METRICS_ADDRESS = 'http://127.0.0.1:10249';
/** The page, one Service with its endpoints and its objects in the kernel, and all Services, as a monitor or an open page reads them. */
const PATHS = ['/', '/debug/services/team-1/service-1', '/debug/services', '/debug/status', '/debug/syncs'];
const PAUSE = 200;
/** Blocks of changes, unread and read by turns. */
const BLOCKS = 6;

interface Reader {
  stop(): Promise<number>;
}

function startReader(): Reader {
  const state = { over: false, answers: 0 };
  const done = (async () => {
    for (let at = 0; !state.over; at++) {
      const path = PATHS[at % PATHS.length] ?? '/';
      const response = await fetch(METRICS_ADDRESS + path);
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
      await response.arrayBuffer();
      state.answers++;
      await wait(PAUSE);
    }
  })();
  return {
    async stop() {
      state.over = true;
      await done;
      return state.answers;
    },
  };
}

async function measure(
  folder: string,
  services: number,
  endpoints: number,
  changes: number,
): Promise<FollowTimes> {
  const cluster = await startCluster({ services, endpoints });
  const program = await startProgram(folder, cluster.target, CONFIG);
  const unread: number[] = [];
  const read: number[] = [];
  let answers = 0;
  for (let block = 0; block < BLOCKS; block++) {
    const reader = block % 2 === 0 ? null : startReader();
    const times = await timeChanges(cluster.api, services, changes, block * (changes + 1));
    (reader === null ? unread : read).push(...times);
    answers += (await reader?.stop()) ?? 0;
  }
  await program.stop();
  await cluster.stop();
  return { unread, read, answers };
}

const [, , folder = '', services = '100', endpoints = '10', changes = '3'] = argv;
stdout.write(JSON.stringify(await measure(folder, Number(services), Number(endpoints), Number(changes))));
