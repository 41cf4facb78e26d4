/** Userspace mode in front of one server: `signalbox.ts PORT [THREADS]`. Until it is killed. At 127.96.0.n with n threads. */
// oxlint-disable-next-line import/no-unassigned-import -- as the program does, first of all
import '../../apps/proxy/src/heap.ts';
import { argv } from 'node:process';
import { fullChange } from '@signalbox/core';
import { createBackend, stateOf, webService } from './services.ts';

const endpoint = { address: '127.0.0.1', port: Number(argv[2]), isLocal: true };
const threads = Number(argv[3] ?? 1);
const result = await createBackend(threads).sync(fullChange(stateOf([webService(threads, [endpoint])])));
if (result.outcome !== 'ok') throw new Error(JSON.stringify(result));
