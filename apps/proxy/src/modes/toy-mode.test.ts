/** A mode joins the app by its record alone: no other file refers to this one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAMILIES, NOTHING_DONE, type Backend, type DesiredServicePort, type Family } from '@signalbox/core';
import { createManualClock } from '@signalbox/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { cleanup } from '../commands/cleanup.ts';
import { createComposition } from '../compose/compose.ts';
import type { Composition } from '../compose/composition.ts';
import { helpText } from '../flags/help.ts';
import { createLogging } from '../logging/logger.ts';
import { startProxy } from '../proxy.ts';
import { freePort } from '../testing/free-port.ts';
import { SERVICE } from '../testing/proxy-world.ts';
import { settingsOf } from '../testing/settings.ts';
import { MODES } from './index.ts';
import type { ProxyMode } from './proxy-mode.ts';

/** Holds addresses in memory instead of a kernel. */
interface ToyKernel {
  readonly addresses: Set<string>;
  /** Node ports that this process serves at loopback addresses. */
  readonly localPorts: Set<number>;
  /** After each sync. */
  onSync: () => void;
}

function toyBackend(kernel: ToyKernel, family: Family): Backend {
  return {
    mode: 'toy',
    family,
    sync: ({ servicePorts, kind }) => {
      const { added, removed, changed } = servicePorts;
      const gone = [...removed, ...changed.map(({ before }) => before)].flatMap(addressesOf);
      const there = [...added, ...changed.map(({ after }) => after)].flatMap(addressesOf);
      for (const address of gone) kernel.addresses.delete(address);
      for (const address of there) kernel.addresses.add(address);
      kernel.onSync();
      return Promise.resolve({ ...NOTHING_DONE, scope: kind === 'full' ? 'full' : 'partial' });
    },
    observe: () => Promise.resolve({ outcome: 'ok', drift: [] }),
    cleanup: () => Promise.resolve({ outcome: 'ok', removed: [] }),
    close: () => Promise.resolve(),
  };
}

function addressesOf({ frontends }: DesiredServicePort): readonly string[] {
  return frontends.flatMap((frontend) => ('address' in frontend ? [frontend.address] : []));
}

function toyMode(kernel: ToyKernel, name = 'toy'): ProxyMode {
  return {
    name,
    platform: 'linux',
    configuration: {
      periods: 'nftables',
      periodFlags: 'iptables',
      masquerade: 'nftables',
      applyDefaults: (config) => {
        config.nodePortAddresses = ['primary'];
      },
      validate: ({ oomScoreAdj }, report) => {
        if (oomScoreAdj > 0) report('oomScoreAdj', 'is too much for a toy');
      },
      localhostNodePorts: () => false,
    },
    flows: 'own',
    metrics: ['partial'],
    unusedClusterIPs: { port: 'pass', address: 'pass' },
    probe: () => Promise.resolve({ families: ['IPv4'], reasons: ['no IPv6: a toy'] }),
    sysctls: () => Promise.resolve([]),
    localNodePorts: {
      isEnabled: () => true,
      open: () => ({
        sync: ({ servicePorts }) => {
          kernel.localPorts.clear();
          for (const { frontends } of servicePorts.values()) {
            for (const frontend of frontends) {
              if (frontend.kind === 'node-port') kernel.localPorts.add(frontend.port);
            }
          }
          kernel.onSync();
          return Promise.resolve();
        },
        failures: () => [],
        close: () => Promise.resolve(kernel.localPorts.clear()),
      }),
    },
    createBackend: (_, family) => Promise.resolve(toyBackend(kernel, family)),
    cleaners: (_, successor) =>
      FAMILIES.filter(() => successor?.mode !== name).map((family) => ({
        mode: name,
        family,
        clean: () => {
          const removed = [...kernel.addresses].filter(
            (address) => address.includes(':') === (family === 'IPv6'),
          );
          for (const address of removed) kernel.addresses.delete(address);
          return Promise.resolve({ outcome: 'ok', removed });
        },
      })),
  };
}

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

function createToy() {
  const kernel: ToyKernel = { addresses: new Set(), localPorts: new Set(), onSync: () => undefined };
  const mode = toyMode(kernel);
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line), now: () => 0, pid: 1 };
  const logging = createLogging({ format: 'text', verbosity: 0, vmodule: [] }, sink);
  const modes = [...MODES, mode];
  const settings = (...argv: string[]) => settingsOf(['--proxy-mode=toy', ...argv], { modes });
  return { kernel, mode, logging, lines, settings };
}

/** Resolves at the first sync after which the kernel holds exactly these addresses. */
function holds(kernel: ToyKernel, ...addresses: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    kernel.onSync = () => {
      if ([...kernel.addresses].sort().join() === [...addresses].sort().join()) resolve();
    };
  });
}

function writeServices(folder: string, ...addresses: readonly string[]): void {
  const services = addresses.map((address, index) => ({
    ...SERVICE,
    metadata: { name: `web-${index}`, namespace: 'default' },
    spec: { ...SERVICE.spec, clusterIP: address, clusterIPs: [address] },
  }));
  writeFileSync(join(folder, 'services.yaml'), services.map((each) => JSON.stringify(each)).join('\n---\n'));
}

async function startToy(
  toy: ReturnType<typeof createToy>,
  folder: string,
  composition: Composition = createComposition([...MODES, toy.mode]),
) {
  const { logging } = toy;
  const ports = { health: await freePort(), metrics: await freePort() };
  const settings = toy.settings(
    `--manifests=${folder}`,
    '--iptables-min-sync-period=0s',
    `--healthz-bind-address=127.0.0.1:${ports.health}`,
    `--metrics-bind-address=127.0.0.1:${ports.metrics}`,
  );
  const bundle = await composition.createSource(settings, logging.logger);
  if (typeof bundle === 'string') throw new Error(bundle);
  const { families } = await composition.probeFamilies(settings, logging.logger);
  const onFatal = (): void => undefined;
  const proxy = await startProxy({ settings, composition, logging, families, bundle, onFatal });
  open.push(() => proxy.stop());
  return { ports, families, proxy };
}

describe('a mode that only its record describes', () => {
  it('serves Services from the first sync on, and follows them', async () => {
    const toy = createToy();
    const folder = mkdtempSync(join(tmpdir(), 'toy-mode-'));
    open.push(() => rmSync(folder, { recursive: true }));
    writeServices(folder, '10.96.0.10');
    const first = holds(toy.kernel, '10.96.0.10');
    const { ports, families } = await startToy(toy, folder);
    await first;
    expect(families).toEqual(['IPv4']);
    const changed = holds(toy.kernel, '10.96.0.11', '10.96.0.12');
    writeServices(folder, '10.96.0.11', '10.96.0.12');
    await changed;
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${ports.metrics}/${path}`)).text();
    expect(await get('proxyMode')).toBe('toy');
    const metrics = await get('metrics');
    expect(metrics).toContain('kubeproxy_sync_partial_proxy_rules_duration_seconds');
    expect(metrics).not.toMatch(/kubeproxy_(sync_proxy_rules_iptables|conntrack)/);
  });

  it('serves node ports at loopback addresses by a data path of its own, until it ends', async () => {
    const toy = createToy();
    const folder = mkdtempSync(join(tmpdir(), 'toy-mode-'));
    open.push(() => rmSync(folder, { recursive: true }));
    const spec = { ...SERVICE.spec, type: 'NodePort', ports: [{ port: 80, nodePort: 30_080 }] };
    writeFileSync(join(folder, 'services.yaml'), JSON.stringify({ ...SERVICE, spec }));
    const served = new Promise<void>((resolve) => {
      toy.kernel.onSync = () => (toy.kernel.localPorts.has(30_080) ? resolve() : undefined);
    });
    const { proxy } = await startToy(toy, folder);
    await served;
    await proxy.stop();
    expect(toy.kernel.localPorts).toEqual(new Set());
  });

  it('removes what another mode has left, once its own objects are verified, and never before', async () => {
    const toy = createToy();
    const former = { ...createToy().kernel, addresses: new Set(['10.96.0.99', 'fd00::99']) };
    const folder = mkdtempSync(join(tmpdir(), 'toy-mode-'));
    open.push(() => rmSync(folder, { recursive: true }));
    writeServices(folder, '10.96.0.10');
    const clock = createManualClock();
    const modes = [toy.mode, toyMode(former, 'former-toy')];
    const seen: number[] = [];
    toy.kernel.onSync = () => void seen.push(former.addresses.size);
    await startToy(toy, folder, { ...createComposition(modes), clock });
    for (let turn = 0; former.addresses.size > 0; turn++) {
      clock.advance(turn < 5 ? 0 : 500);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(seen[0]).toBe(2);
    expect(toy.kernel.addresses).toEqual(new Set(['10.96.0.10']));
    expect(toy.lines.join('')).toContain('Removed leftovers of former-toy mode');
  });

  it('has its own section, defaults and validation, and is named among the modes', () => {
    const { settings, mode } = createToy();
    const { config } = settings('--iptables-sync-period=7s');
    expect(config.nftables.syncPeriod).toBe(7000);
    expect(config.iptables.syncPeriod).toBe(0);
    expect(config.nodePortAddresses).toEqual(['primary']);
    expect(() => settings('--oom-score-adj=5')).toThrow('is too much for a toy');
    const modes = [...MODES, mode];
    expect(() => settingsOf(['--proxy-mode=ebpf'], { modes })).toThrow(/ipvs, .*toy or blank/);
    expect(helpText(modes)).toMatch(/ipvs, .*toy/);
  });

  it('is cleaned by --cleanup', async () => {
    const { kernel, mode, logging, lines, settings } = createToy();
    kernel.addresses.add('10.96.0.10').add('fd00::10');
    const composition = createComposition([mode]);
    expect(
      await cleanup({
        settings: settings('--cleanup'),
        composition,
        logger: logging.logger,
        print: () => undefined,
      }),
    ).toEqual({
      status: 0,
      errors: [],
    });
    expect(kernel.addresses).toEqual(new Set());
    expect(lines.join('')).toContain('"Removed" mode="toy" family="IPv6" removed="fd00::10"');
  });
});
