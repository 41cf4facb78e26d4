import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@signalbox/core/system-clock';
import { load } from 'js-yaml';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { createSource } from '../compose/sources.ts';
import type { ServiceAnswer, StatusAnswer } from '../inspect/answers.ts';
import { freePort } from '../testing/free-port.ts';
import { NODE, SERVICE, SLICE, start, stopAll, synced, upsert, type World } from '../testing/proxy-world.ts';
import { recordingComposition } from '../testing/composition.ts';

const folders: string[] = [];
afterEach(async () => {
  await stopAll();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function signalbox(...argv: readonly string[]) {
  const printed: string[] = [];
  const terminal = { print: (text: string) => void printed.push(text), hint: () => undefined };
  const composition = { ...recordingComposition(), createSource, clock: systemClock };
  const { status, errors } = await runCommandLine(argv, composition, terminal);
  return { status, errors, printed: printed.join('') };
}

const PORTS = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'metrics', port: 9090, protocol: 'TCP' },
];
const TWO_PORTS = { ...SERVICE, spec: { ...SERVICE.spec, ports: PORTS } };

function complete(world: World): void {
  upsert(world, 'Node', NODE);
  upsert(world, 'Service', TWO_PORTS);
  upsert(world, 'EndpointSlice', SLICE);
  synced(world, 'Service', 'EndpointSlice', 'Node', 'ServiceCIDR');
}

/** The flag that names a proxy whose Service has a port with an endpoint and one without. */
async function proxy(isComplete: 'complete' | 'waiting' = 'complete') {
  const world = await start(['--cluster-cidr=10.244.0.0/16'], ['IPv4']);
  if (isComplete === 'complete') complete(world);
  await world.settle(1000);
  return {
    world,
    flag: `--metrics-bind-address=127.0.0.1:${world.proxy.servers.metrics?.address()?.port ?? 0}`,
  };
}

describe('signalbox describe', () => {
  it('ends with 2 for a Service with a port that is not served, and with 0 for the port that is', async () => {
    const { flag } = await proxy();
    const whole = await signalbox('describe', 'default/web', flag);
    expect([whole.status, whole.errors]).toEqual([2, []]);
    expect(whole.printed).toContain('Port metrics 9090/TCP IPv4: not served');
    const named = await signalbox('describe', 'default/web:http', flag);
    expect(named.status).toBe(0);
    expect(named.printed).toContain('Port http 80/TCP IPv4: served');
    expect(named.printed).not.toContain('metrics 9090');
    expect((await signalbox('describe', 'default/web:9090', flag)).status).toBe(2);
  });

  it('shows endpoints that are skipped, and the limits of connections', async () => {
    const { world, flag } = await proxy();
    const backend = world.parts.backends.get('IPv4');
    if (backend === undefined) throw new Error('no IPv4 backend');
    const counted = { address: '10.244.1.5', port: 8080, connections: 7, active: 2 };
    const limits = [{ name: 'connections', now: 2, limit: 5, refused: 1 }];
    const answer = (state: object) => {
      const held = { objects: [], endpoints: [{ ...counted, ...state }], limits };
      backend.inspect = () =>
        Promise.resolve({ outcome: 'ok', servicePorts: new Map([['default/web:http/TCP', held]]) });
      return signalbox('describe', 'default/web:http', flag);
    };
    const ejected = await answer({ state: 'ejected', ejectedSeconds: 12 });
    expect(ejected.printed).toMatch(
      /CONNECTIONS +OPEN +STATE +REASON\n +10\.244\.1\.5:8080 .* 7 +2 +ejected \(12 s\)/,
    );
    expect(ejected.printed).toMatch(/LIMIT OF +NOW +LIMIT +REFUSED\n +connections +2 +5 +1\n/);
    const json = JSON.parse((await signalbox('describe', 'default/web:http', flag, '-o', 'json')).printed);
    expect(json.kernel[0].servicePorts['default/web:http/TCP'].limits).toEqual(limits);
  });

  it('prints the same answer as JSON and as YAML', async () => {
    const { flag } = await proxy();
    const json = JSON.parse(
      (await signalbox('describe', 'default/web', flag, '-o', 'json')).printed,
    ) as ServiceAnswer;
    expect(json).toMatchObject({
      served: false,
      description: { name: 'web', policies: { internal: 'cluster' } },
    });
    expect(load((await signalbox('describe', 'default/web', flag, '-o', 'yaml')).printed)).toEqual(json);
  });

  it('ends with 2 and the reason for a Service that does not exist', async () => {
    const { flag } = await proxy();
    const { status, printed } = await signalbox('describe', 'default/wbe', flag);
    expect(status).toBe(2);
    expect(printed).toContain('Service default/wbe is not known');
  });

  it.each([
    ['web', 'SERVICE: "web" is not namespace/name or namespace/name:port'],
    ['a/b/c', 'SERVICE: "a/b/c" is not namespace/name or namespace/name:port'],
    ['default/web:https', 'SERVICE: default/web has no port https; its ports: http 80/TCP, metrics 9090/TCP'],
  ])('ends with 1 for %s', async (word, error) => {
    const { flag } = await proxy();
    expect(await signalbox('describe', word, flag)).toEqual({ status: 1, errors: [error], printed: '' });
  });

  it('ends with 1 and names the flag if no proxy listens', async () => {
    const { status, errors } = await signalbox(
      'describe',
      'a/b',
      `--metrics-bind-address=127.0.0.1:${await freePort()}`,
    );
    expect(status).toBe(1);
    expect(errors[0]).toContain('--metrics-bind-address');
  });

  it('reads the objects itself with --manifests, and then shows no kernel objects', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'describe-'));
    folders.push(folder);
    const objects = [NODE, TWO_PORTS, SLICE].map((object) => JSON.stringify(object)).join('\n---\n');
    writeFileSync(join(folder, 'objects.yaml'), objects);
    const flags = [`--manifests=${folder}`, '--hostname-override=node-a', '-o', 'json'];
    const { status, errors, printed } = await signalbox('describe', 'default/web:http', ...flags);
    expect([status, errors]).toEqual([0, []]);
    expect(JSON.parse(printed)).toMatchObject({
      served: true,
      failures: null,
      kernel: null,
      // Not those of the machine on which the command runs.
      description: { node: { nodePortAddresses: [] } },
    });
  });
});

describe('signalbox status', () => {
  it('ends with 0 when the proxy is ready, with its mode, Services and last sync', async () => {
    const { flag } = await proxy();
    const { status, printed } = await signalbox('status', flag);
    expect(status).toBe(0);
    expect(printed).toMatch(/State: +ready\n/);
    expect(printed).toMatch(/Services: +1, programmed 1, refused 0, without endpoints 1, conflicting 0\n/);
    expect(printed).toMatch(/Last sync: .* ms, ok \(change\)/);
    const json = JSON.parse((await signalbox('status', flag, '-o', 'json')).printed) as StatusAnswer;
    expect(json).toMatchObject({ state: 'ready', mode: 'iptables' });
  });

  it('ends with 2 and the pending conditions while the proxy is not ready, at once or when the time of --wait is over', async () => {
    const { flag } = await proxy('waiting');
    for (const wait of [[], ['--wait', '--timeout=0s']]) {
      const { status, printed } = await signalbox('status', flag, ...wait);
      expect(status).toBe(2);
      expect(printed).toMatch(/Waiting for: +the first list of Services, the first list of EndpointSlices/);
    }
  });

  it('waits with --wait until the proxy is ready', async () => {
    const { world, flag } = await proxy('waiting');
    const waiting = signalbox('status', '--wait', flag);
    complete(world);
    await world.settle(1000);
    expect((await waiting).status).toBe(0);
  });

  it('ends with 1 for a timeout that is no duration, and if no proxy listens', async () => {
    const flag = `--metrics-bind-address=127.0.0.1:${await freePort()}`;
    expect(await signalbox('status', '--wait', '--timeout=soon', flag)).toMatchObject({
      status: 1,
      errors: ['--timeout: soon is not a duration such as 30s or 5m'],
    });
    expect((await signalbox('status', flag)).status).toBe(1);
  });
});
