import { createServer, type AddressInfo, type Server } from 'node:net';
import { createTestApiServer } from '@signalbox/kubernetes/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../src/command-line.ts';
import { createSource } from '../src/compose/sources.ts';
import { systemClock } from '@signalbox/core/system-clock';
import { recordingComposition } from '../src/testing/composition.ts';
import { freePort } from '../src/testing/free-port.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function takenPort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

/** Nothing that would change a setting of the machine. */
const HARMLESS = [
  '--conntrack-max-per-core=0',
  '--conntrack-tcp-timeout-established=0',
  '--conntrack-tcp-timeout-close-wait=0',
  '--oom-score-adj=0',
];

describe('an address that is taken, with --bind-address-hard-fail', () => {
  it('F16 F137: ends with 1 and one line, after the API server has the Event', async () => {
    const api = await createTestApiServer();
    cleanups.push(() => api.stop());
    const port = await takenPort();
    const flags = [
      `--master=${api.url}`,
      '--hostname-override=node-a',
      '--bind-address-hard-fail',
      `--healthz-bind-address=127.0.0.1:${await freePort()}`,
      `--metrics-bind-address=127.0.0.1:${port}`,
      ...HARMLESS,
    ];
    const composition = { ...recordingComposition(), clock: systemClock, createSource };
    const outcome = await runCommandLine(flags, composition, {
      print: () => undefined,
      hint: () => undefined,
    });
    expect(outcome).toEqual({
      status: 1,
      errors: [
        expect.stringContaining(`failed to start metrics server on 127.0.0.1:${port}: listen EADDRINUSE`),
      ],
    });
    expect(api.events.map(({ reason }) => reason)).toContain('FailedToStartMetricServer');
    expect(api.events.find(({ reason }) => reason === 'FailedToStartMetricServer')).toMatchObject({
      type: 'Warning',
      regarding: { kind: 'Node', name: 'node-a' },
    });
  });
});
