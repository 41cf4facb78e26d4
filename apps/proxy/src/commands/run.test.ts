import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Surroundings } from '../config/complete.ts';
import { completeSettings } from '../config/complete.ts';
import { parseFlags } from '../flags/parse.ts';
import { createLogging } from '../logging/logger.ts';
import { systemClock } from '@signalbox/core/system-clock';
import { recordingComposition } from '../testing/composition.ts';
import { freePort } from '../testing/free-port.ts';
import { AROUND, settingsOf } from '../testing/settings.ts';
import type { Outcome } from './outcome.ts';
import { readTextFile, run } from './run.ts';
import { prepare } from './survey-node.ts';

const HEADER = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';

/** As it comes of a tool that printed more than one line. */
const REASON = 'no IPv4: iptables: exit status 4\n    iptables: Permission denied';

const folder = { path: '' };
beforeEach(() => {
  folder.path = mkdtempSync(join(tmpdir(), 'proxy-run-'));
});
afterEach(() => rmSync(folder.path, { recursive: true, force: true }));

interface World {
  readonly outcome: Promise<Outcome>;
  readonly write: (body: string) => void;
  readonly metrics: (path: string) => Promise<string>;
  /** Resolves when the log has a line with this text. */
  readonly logged: (text: string) => Promise<void>;
}

async function start(families: readonly ('IPv4' | 'IPv6')[] = ['IPv4']): Promise<World> {
  const [health, metrics] = [await freePort(), await freePort()];
  const addresses = `healthzBindAddress: 127.0.0.1:${health}\nmetricsBindAddress: 127.0.0.1:${metrics}\n`;
  const path = join(folder.path, 'config.conf');
  const write = (body: string): void => writeFileSync(path, HEADER + addresses + body);
  write('');
  const parsed = parseFlags([`--config=${path}`, '--hostname-override=node-a', `--manifests=${folder.path}`]);
  if (!parsed.ok) throw new Error(parsed.error);
  const around: Surroundings = { ...AROUND, hostName: 'node-a', readFile: readTextFile };
  const completed = completeSettings(parsed.value.flags, around);
  if (!completed.ok) throw new Error(completed.error.join());
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const sink = {
    write: (line: string) => {
      lines.push(line);
      waiting.forEach((check) => check());
    },
    now: () => 0,
    pid: 1,
  };
  const outcome = run({
    settings: completed.value,
    flags: parsed.value.flags,
    around,
    composition: {
      ...recordingComposition(families),
      clock: systemClock,
      probeFamilies: () =>
        Promise.resolve({ families, reasons: families.length > 0 ? [] : [REASON], warnings: ['a warning'] }),
    },
    logging: createLogging(completed.value.config.logging, sink),
  });
  const logged = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!lines.join('').includes(text)) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  const get = async (where: string): Promise<string> =>
    (await fetch(`http://127.0.0.1:${metrics}${where}`)).text();
  return { outcome, write, metrics: get, logged };
}

describe('the process and its configuration', () => {
  it('F91: what can change in a running process does; a wrong file changes nothing; the rest ends it with 1', async () => {
    const { outcome, write, metrics, logged } = await start();
    await logged('] a warning');
    await logged('nodePortAddresses is empty');
    write('logging: {verbosity: 2}\n');
    await logged('"Applied changed configuration" fields=["logging.verbosity"]');
    expect(JSON.parse(await metrics('/configz'))).toMatchObject({
      'kubeproxy.config.k8s.io': { logging: { verbosity: 2 } },
    });
    write('oomScoreAdj: 5000\n');
    await logged('KubeProxyConfiguration.oomScoreAdj: Invalid value: 5000');
    expect(await metrics('/proxyMode')).toBe('iptables');
    write('logging: {verbosity: 2}\nclusterCIDRs: 10.0.0.0/8\n');
    await logged('clusterCIDRs');
    write('logging: {verbosity: 3}\nlogging: {verbosity: 4}\n');
    await logged('duplicate field');
    write('logging: {verbosity: 2}\nclusterCIDR: fd00::/48\n');
    await logged('clusterCIDR fd00::/48 has no IPv4 range');
    expect(JSON.parse(await metrics('/configz'))).toMatchObject({
      'kubeproxy.config.k8s.io': { logging: { verbosity: 2 }, clusterCIDR: '' },
    });
    write('logging: {verbosity: 2}\niptables: {masqueradeBit: 9}\n');
    expect(await outcome).toEqual({
      status: 1,
      errors: [
        "content of the proxy server's configuration file was updated: restart required to apply iptables.masqueradeBit",
      ],
    });
  });

  it('F92: --init-only ends with 1 and one line where the mode cannot have its settings', async () => {
    const settings = settingsOf(['--proxy-mode=ipvs', '--init-only']);
    const composition = { ...recordingComposition(), modeSysctls: () => Promise.resolve('ipvs: no module') };
    const { logging } = settings.config;
    const sink = { write: () => undefined, now: () => 0, pid: 1 };
    const flags = { given: settings.given, typed: new Map() };
    const options = { settings, composition, logging: createLogging(logging, sink), around: AROUND, flags };
    expect(await prepare(options)).toBe('ipvs: no module');
  });

  it('F96: without any IP family it ends with 1 and one line', async () => {
    const { outcome } = await start([]);
    expect(await outcome).toEqual({
      status: 1,
      errors: [
        'no support for proxy mode iptables on this node: neither IPv4 nor IPv6 works; no IPv4: iptables: exit status 4',
      ],
    });
  });
});
