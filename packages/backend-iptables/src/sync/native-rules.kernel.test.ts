/** With rules added by nft to tables of iptables: `iptables-save` then lists nothing of the table and exits with status 0. */
import { spawnSync } from 'node:child_process';
import { fullChange, type Backend, type DesiredState, type Family, type SyncResult } from '@signalbox/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createExecDriver, type ToolNotice } from '@signalbox/iptables';
import { createIptablesBackend } from './iptables-backend.ts';
import { everyKind } from '../testing/every-kind.ts';
import { changeBetween, sampleService } from '../testing/sample-state.ts';

function run(...[command = '', ...args]: readonly string[]): string {
  const done = spawnSync(command, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${done.stderr}`);
  return done.stdout;
}

const CASES = [
  { family: 'IPv4', word: 'ip', tool: 'iptables-nft', source: '192.0.2.1' },
  { family: 'IPv6', word: 'ip6', tool: 'ip6tables-nft', source: '2001:db8::1' },
] as const;

const reset = (): void => void run('nft', 'flush', 'ruleset');
beforeEach(reset);
afterEach(reset);

describe.each(CASES)('rules added by nft, $family', ({ family, word, tool, source }) => {
  const state = everyKind(family);
  const list = (table: string): string => run('nft', 'list', 'table', word, table);
  const count = (text: string, what: RegExp): number => [...text.matchAll(what)].length;

  function addNativeRules(): void {
    const vmap = ['ct', 'state', 'vmap', '{ invalid : drop, established : accept }'];
    run('nft', 'add', 'rule', word, 'filter', 'FORWARD', ...vmap);
    run('nft', 'add', 'chain', word, 'filter', 'KUBE-FIREWALL');
    run('nft', 'add', 'rule', word, 'filter', 'KUBE-FIREWALL', ...vmap);
    run('nft', 'add', 'rule', word, 'nat', 'POSTROUTING', 'oif', 'lo', 'snat', 'to', source);
    const saved = run(`${tool}-save`);
    expect(saved).toContain("# Table `nat' is incompatible");
    expect(saved).toContain("# Table `filter' is incompatible");
  }

  function lab(of: Family = family): { readonly notices: ToolNotice[]; readonly backend: Backend } {
    const notices: ToolNotice[] = [];
    const onNotice = (notice: ToolNotice): number => notices.push(notice);
    const driver = createExecDriver({ family: of, variant: 'nft', onNotice });
    return { notices, backend: createIptablesBackend({ family: of, driver }) };
  }

  async function ok(result: Promise<SyncResult>): Promise<SyncResult> {
    const settled = await result;
    expect(settled, JSON.stringify(settled)).toMatchObject({ outcome: 'ok', failures: [] });
    return settled;
  }

  const grown: DesiredState = withService(state);
  const again = { ...changeBetween(grown, grown), kind: 'incremental' } as const;

  it('prevent neither changes, nor repairs, nor a restart, and no jump is added twice', async () => {
    const { backend, notices } = lab();
    await ok(backend.sync(fullChange(state)));
    addNativeRules();
    await ok(backend.sync(changeBetween(state, grown)));
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    await ok(backend.sync(again));
    run(tool, '-t', 'nat', '-F', 'KUBE-POSTROUTING');
    expect(await backend.observe()).toMatchObject({
      drift: [{ kind: 'altered', within: 'nat', name: 'KUBE-POSTROUTING' }],
    });
    const intact = lab().backend;
    await ok(intact.sync(fullChange(grown)));
    expect(await backend.observe()).toEqual({ outcome: 'ok', drift: [] });
    await ok(lab().backend.sync(fullChange(state)));
    expect(count(list('nat'), /jump KUBE-(SERVICES|POSTROUTING)/g)).toBe(3);
    expect(notices.map(({ data }) => data['table'])).toEqual([`${word} filter`, `${word} nat`]);
  });

  it('are removed from a chain of services, and stay in all other chains', async () => {
    const { backend } = lab();
    await ok(backend.sync(fullChange(state)));
    addNativeRules();
    run(
      'nft',
      'add',
      'rule',
      word,
      'nat',
      'KUBE-SERVICES',
      'oif',
      'lo',
      'tcp',
      'dport',
      '{ 80, 81 }',
      'return',
    );
    await ok(lab().backend.sync(fullChange(state)));
    expect(list('nat')).not.toContain('{ 80, 81 }');
    expect(list('nat')).toContain(`snat to ${source}`);
    expect(count(list('filter'), /vmap/g)).toBe(2);
  });

  it('do not prevent the clean-up of anything, jumps that were added many times included', async () => {
    const { backend } = lab();
    await ok(backend.sync(fullChange(state)));
    addNativeRules();
    const jump = ['-m', 'comment', '--comment', 'kubernetes postrouting rules', '-j', 'KUBE-POSTROUTING'];
    for (let copy = 0; copy < 3; copy++) run(tool, '-t', 'nat', '-I', 'POSTROUTING', ...jump);
    const result = await lab().backend.cleanup();
    expect(result).toMatchObject({ outcome: 'ok' });
    const left = `${list('nat')}${list('filter')}`;
    expect(new Set(left.match(/KUBE-\S+/g))).toEqual(new Set(['KUBE-FIREWALL']));
    expect(left).toContain(`snat to ${source}`);
  });

  it('that jump to a chain of services are reported by the clean-up, which fails', async () => {
    const { backend } = lab();
    await ok(backend.sync(fullChange(state)));
    addNativeRules();
    run('nft', 'add', 'rule', word, 'nat', 'POSTROUTING', 'jump', 'KUBE-MARK-MASQ');
    expect(await lab().backend.cleanup()).toMatchObject({ outcome: 'failed', error: { code: 'rejected' } });
  });
});

function withService(state: DesiredState): DesiredState {
  const [some] = state.servicePorts.values();
  const added = {
    ...(some ?? sampleService({ index: 1 })),
    name: { namespace: 'shop', name: 'new', port: '', protocol: 'TCP' },
  } as const;
  const { key: _, ...rest } = added;
  const key = 'shop/new:/TCP';
  const frontends = rest.frontends.map((frontend) => ({ ...frontend, port: 8_099 }));
  return { ...state, servicePorts: new Map([...state.servicePorts, [key, { ...rest, key, frontends }]]) };
}
