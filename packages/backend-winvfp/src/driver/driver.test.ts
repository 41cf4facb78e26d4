import { createManualClock, type ManualClock } from '@signalbox/core/testing';
import { createHns, HR } from '@signalbox/hns-simulator';
import { describe, expect, it } from 'vitest';
import { createSimulatedHcn } from '../testing/simulated-hcn.ts';
import { hcnApiOf } from './hcn-api.ts';
import { findHostMac } from './host-mac.ts';
import { loadNativeLayer } from './native-layer.ts';
import { probeHns } from './probe.ts';
import { commandLine, createServiceManager, type CommandResult } from './service-manager.ts';
import { createWindowsService } from './windows-service.ts';

describe('the native layer', () => {
  it('reports how to install edge-js when it is missing', () => {
    const loaded = loadNativeLayer({ edgeModule: 'edge-js-that-is-not-installed' });
    expect(loaded).toMatchObject({ error: { code: 'unavailable', operation: 'edge-js' } });
  });

  it('names the missing assembly', () => {
    const loaded = loadNativeLayer({ assembly: '/nowhere/Signalbox.Hcn.dll' });
    expect(!loaded.ok && loaded.error.message).toContain('/nowhere/Signalbox.Hcn.dll is missing');
  });

  it('an exception of the native layer is a failed reply', async () => {
    const api = hcnApiOf(() => Promise.reject(new Error('the runtime is gone')));
    expect(await api.call({ op: 'hns', path: '/' })).toMatchObject({
      hresult: HR.fail,
      record: 'the runtime is gone',
    });
  });
});

describe('F97: what the host can do', () => {
  const network = { Name: 'cbr0', Type: 'Overlay' };

  it.each([
    ['IPv4', { major: 15, minor: 5 }, 'L2Bridge', ['IPv4', 'IPv6']],
    ['IPv6', { major: 15, minor: 5 }, 'L2Bridge', ['IPv6', 'IPv4']],
    ['IPv4', { major: 11, minor: 9 }, 'L2Bridge', ['IPv4']],
    ['IPv4', { major: 15, minor: 5 }, 'Overlay', ['IPv4']],
  ] as const)('primary %s on HNS %j, %s: %j', async (primary, version, Type, families) => {
    const hns = createHns({ version });
    hns.addNetwork({ ...network, Type });
    const found = await probeHns(createSimulatedHcn(hns), 'cbr0', primary);
    expect(found.ok && found.value.families).toEqual(families);
  });

  it('a network that does not exist yet is no error', async () => {
    const found = await probeHns(createSimulatedHcn(createHns()), 'cbr0', 'IPv4');
    expect(found).toMatchObject({ value: { networkType: '', overlay: false } });
  });

  it('an HNS that is too old or not running is an error', async () => {
    const old = createHns({ version: { major: 9, minor: 1 } });
    expect(await probeHns(createSimulatedHcn(old), 'cbr0', 'IPv4')).toMatchObject({
      error: { code: 'unsupported' },
    });
    old.stop();
    expect(await probeHns(createSimulatedHcn(old), 'cbr0', 'IPv4')).toMatchObject({
      error: { code: 'unavailable' },
    });
  });

  it('the MAC address of an interface, or none', () => {
    expect(findHostMac('127.0.0.1')).toBe('00-00-00-00-00-00');
    expect(findHostMac('203.0.113.254')).toBeNull();
  });
});

describe('F57: the service control manager', () => {
  it('a refusal has its reason', async () => {
    const layer = {
      invoke: () => Promise.resolve('{"hr":2147943463,"call":"Start","record":"","items":[]}'),
    };
    expect(await createWindowsService(layer, 'kube-proxy')).toMatchObject({
      error: { code: 'unavailable', message: expect.stringContaining('sc.exe start kube-proxy') as string },
    });
  });

  it('passes the stop request on, and the exit status back', async () => {
    const seen: string[] = [];
    const layer = {
      invoke: (request: string) => {
        seen.push(request);
        const items = request.includes('service-wait') ? '["shutdown"]' : '[]';
        return Promise.resolve(`{"hr":0,"call":"","record":"","items":${items}}`);
      },
    };
    const started = await createWindowsService(layer, 'x');
    if (!started.ok) throw new Error(started.error.message);
    expect(await started.value.stopRequested).toBe('shutdown');
    await started.value.finish(3);
    expect(seen).toEqual([
      '{"op":"service-start","name":"x"}',
      '{"op":"service-wait"}',
      '{"op":"service-finish","exit":"3"}',
    ]);
  });
});

describe('signalbox service', () => {
  function scripted(answers: readonly CommandResult[]): {
    manager: ReturnType<typeof createServiceManager>;
    lines: string[];
    clock: ManualClock;
  } {
    const lines: string[] = [];
    const left = [...answers];
    const clock = createManualClock();
    const manager = createServiceManager((file, args) => {
      lines.push([file, ...args].join(' '));
      return Promise.resolve(left.shift() ?? { status: 127, output: 'no more answers' });
    }, clock);
    return { manager, lines, clock };
  }
  const ok: CommandResult = { status: 0, output: '' };
  const state = (number: number): CommandResult => ({ status: 0, output: `STATE : ${number}  X` });

  it('quotes a command line as Windows programs split it', () => {
    expect(commandLine(['C:\\Program Files\\node.exe', 'a"b', 'end\\', 'with end\\', ''])).toBe(
      String.raw`"C:\Program Files\node.exe" "a\"b" end\ "with end\\" ""`,
    );
  });

  it('installs with restarts after a crash, and HNS as a dependency', async () => {
    const { manager, lines } = scripted([ok, ok, ok]);
    expect(await manager.install({ command: ['node.exe', 'x.js'] })).toEqual({
      ok: true,
      value: 'installed',
    });
    expect(lines[0]).toBe(
      'sc.exe create kube-proxy binPath= node.exe x.js type= own start= auto DisplayName= Signalbox depend= hns',
    );
    expect(lines[1]).toContain('actions= restart/5000/restart/10000/restart/30000');
    // Also after a failure that the process itself reported.
    expect(lines[2]).toBe('sc.exe failureflag kube-proxy 1');
  });

  it.each([
    [1, { ok: true, value: 'installed' }],
    [5, { error: { code: 'not-permitted', operation: 'sc.exe failureflag' } }],
  ])(
    'an sc.exe that does not know failureflag is no obstacle, a refusal is: %i',
    async (status, expected) => {
      const { manager } = scripted([ok, ok, { status, output: '' }]);
      expect(await manager.install({ command: ['x'] })).toMatchObject(expected);
    },
  );

  it('stops a running service before it removes it', async () => {
    const { manager, lines, clock } = scripted([state(4), ok, state(3), state(1), ok]);
    const uninstalled = manager.uninstall();
    await clock.waitForTimer(() => true);
    clock.advance(500);
    expect(await uninstalled).toEqual({ ok: true, value: 'uninstalled' });
    expect(lines.map((line) => line.split(' ')[1])).toEqual(['query', 'stop', 'query', 'query', 'delete']);
  });

  it('gives up after 30 s a service that does not stop', async () => {
    const { manager, lines, clock } = scripted([state(4), ok, ...Array.from({ length: 60 }, () => state(3))]);
    const uninstalled = manager.uninstall();
    for (let query = 0; query < 60; query += 1) {
      await clock.waitForTimer(() => true);
      clock.advance(500);
    }
    const message = 'service kube-proxy does not stop within 30 s';
    expect(await uninstalled).toMatchObject({ ok: false, error: { code: 'timeout', message } });
    expect(lines.at(-1)).toBe('sc.exe query kube-proxy');
  });

  it('reports a service that is not installed', async () => {
    const { manager } = scripted([{ status: 1060, output: '' }]);
    expect(await manager.uninstall()).toEqual({ ok: true, value: 'not-installed' });
  });

  it('reports missing permissions', async () => {
    const { manager } = scripted([{ status: 5, output: 'Access is denied.' }]);
    expect(await manager.install({ command: ['x'] })).toMatchObject({
      error: { code: 'not-permitted', operation: 'sc.exe create', detail: 'Access is denied.' },
    });
  });
});
