/** Userspace mode in front of one server: `signalbox.ts PORT`. Until it is killed. */
// oxlint-disable-next-line import/no-unassigned-import -- as the program does, first of all
import '../../apps/proxy/src/heap.ts';
import { argv } from 'node:process';
import { fullChange } from '@signalbox/core';
import { createBackend, stateOf, webService } from './services.ts';

const endpoint = { address: '127.0.0.1', port: Number(argv[2]), isLocal: true };
const result = await createBackend().sync(fullChange(stateOf([webService(1, [endpoint])])));
if (result.outcome !== 'ok') throw new Error(JSON.stringify(result));
