import { createManualClock } from '@signalbox/core/testing';
import { describe, expect, it } from 'vitest';
import type { Composition } from '../compose/composition.ts';
import { completeSettings, type Surroundings } from '../config/complete.ts';
import { parseFlags } from '../flags/parse.ts';
import { createLogging } from '../logging/logger.ts';
import type { Proxy } from '../proxy.ts';
import { AROUND } from '../testing/settings.ts';
import { followConfig } from './follow-config.ts';
import type { Outcome } from './outcome.ts';

const HEADER = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n';
const BEFORE = 'mode: iptables\niptables:\n  syncPeriod: 30s\n';
/** Of a later Kubernetes: it is ignored, and reported at the start. */
const UNKNOWN = 'newField: 1\n';

interface LabOptions {
  readonly before?: string;
  /** Why another mode does not serve. */
  readonly why?: string;
  /** What the check of the node returns for any settings. */
  readonly fatal?: string;
  readonly warnings?: (mode: string) => readonly string[];
}

function lab({ before = BEFORE, why, fatal, warnings = () => [] }: LabOptions = {}) {
  const file = { text: HEADER + before };
  const around: Surroundings = { ...AROUND, readFile: () => file.text };
  const parsed = parseFlags(['--config=/no/such/folder/config.conf']);
  if (!parsed.ok) throw new Error(parsed.error);
  const { flags } = parsed.value;
  const settings = completeSettings(flags, around);
  if (!settings.ok) throw new Error(settings.error.join('\n'));
  const clock = createManualClock();
  const lines: string[] = [];
  const logging = createLogging(
    { format: 'text', verbosity: 0, vmodule: [] },
    { write: (line) => lines.push(line.replace(/^.*\] /, '').trim()), now: () => 0, pid: 1 },
  );
  const done: string[] = [];
  const ends: Outcome[] = [];
  const proxy = {
    checkSettings: ({ config }) => ({ fatal: fatal ?? null, warnings: warnings(config.mode) }),
    reconfigure: ({ config }) => void done.push(`reconfigure ${config.iptables.syncPeriod}`),
    switchMode: ({ config }) => {
      done.push(`switch to ${config.mode}`);
      return Promise.resolve(why ?? null);
    },
  } satisfies Partial<Proxy> as unknown as Proxy;
  const composition = { clock } as unknown as Composition;
  followConfig({ settings: settings.value, flags, around, composition, logging }, proxy, (outcome) =>
    ends.push(outcome),
  );
  /** What the next content leads to. */
  const change = async (body: string) => {
    file.text = HEADER + body;
    for (const list of [lines, done]) list.length = 0;
    clock.advance(10_000);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    return { done: [...done], lines: [...lines], ends: [...ends] };
  };
  return { change };
}

const REJECTED = 'Rejected changed configuration; the previous one stays in force';
const NOTHING = { done: [], lines: [], ends: [] };
const SHORTER = BEFORE.replace('30s', '20s');

describe('a changed configuration file', () => {
  it('F91: is applied, and what changed is logged', async () => {
    const { change } = lab();
    expect(await change(BEFORE)).toEqual(NOTHING);
    expect(await change(SHORTER)).toEqual({
      done: ['reconfigure 20000'],
      lines: ['"Applied changed configuration" fields=["iptables.syncPeriod"]'],
      ends: [],
    });
  });

  it.each([
    ['is not YAML', 'mode: [', 'not YAML'],
    ['has a value that is not allowed', SHORTER.replace('20s', 'soon'), 'syncPeriod'],
    ['has a field that is not known', SHORTER + UNKNOWN, 'newField'],
  ])('that %s changes nothing, and the next one is applied', async (_, body, message) => {
    const { change } = lab();
    const { done, lines, ends } = await change(body);
    expect({ done, ends }).toEqual({ done: [], ends: [] });
    expect(lines).toEqual([expect.stringContaining(REJECTED)]);
    expect(lines[0]).toContain(message);
    expect(await change(SHORTER)).toMatchObject({ done: ['reconfigure 20000'], ends: [] });
  });

  it('may keep a field that is not known, and have no further one', async () => {
    const { change } = lab({ before: BEFORE + UNKNOWN });
    expect(await change(SHORTER + UNKNOWN)).toMatchObject({ done: ['reconfigure 20000'] });
    const more = await change(`${BEFORE}${UNKNOWN}otherField: 1\n`);
    expect(more).toMatchObject({ done: [], lines: [expect.stringContaining('otherField')] });
  });

  it('that does not fit this node changes nothing', async () => {
    const { change } = lab({ fatal: 'no IPv6 support' });
    expect(await change(SHORTER)).toEqual({
      done: [],
      lines: [`"${REJECTED}" err="no IPv6 support"`],
      ends: [],
    });
  });

  it('that a running proxy cannot apply ends it with status 1 and the fields', async () => {
    const { change } = lab();
    const { done, ends } = await change(`${SHORTER}metricsBindAddress: 127.0.0.1:1234\n`);
    expect(done).toEqual([]);
    expect(ends).toEqual([
      { status: 1, errors: [expect.stringContaining('restart required to apply metricsBindAddress')] },
    ]);
  });

  it('switches the mode, and logs the warnings that the former settings did not have', async () => {
    const { change } = lab({ warnings: (mode) => ['of both', `of ${mode}`] });
    const { done, lines } = await change('mode: nftables\n');
    expect(done).toEqual(['switch to nftables']);
    expect(lines[0]).toBe('"Changing the proxy mode" from="iptables" to="nftables"');
    expect(lines.slice(1).filter((line) => line.startsWith('of '))).toEqual(['of nftables']);
  });

  it('with a mode that does not serve is compared with the former one again', async () => {
    const { change } = lab({ why: 'no nf_tables' });
    const { done, lines, ends } = await change('mode: nftables\n');
    expect(done).toEqual(['switch to nftables']);
    expect(lines.at(-1)).toContain(
      'Failed to change the proxy mode; the previous configuration stays in force',
    );
    expect(ends).toEqual([]);
    expect(await change(BEFORE)).toMatchObject({ done: ['reconfigure 30000'], ends: [] });
  });
});
