import { describe, expect, it } from 'vitest';
import { askNftFamily } from './nft-family.ts';
import type { ToolEnd } from './run-tool.ts';
import { chooseVariant, describeTool, detectTool, programs, type Run } from './variant.ts';

/** Programs by name → what they print; others are not installed. */
function node(output: Readonly<Record<string, string>>, absent: readonly string[] = []): Run {
  return async ([program = '', option = ''], { onLine = () => undefined } = {}) => {
    if (option === '-t' && absent.includes(program)) {
      const stderr = `${program}: can't initialize iptables table \`nat': Table does not exist (do you need to insmod?)`;
      return { kind: 'exit', status: 3, stdout: '', stderr };
    }
    const stdout = output[`${program} ${option}`.trim()];
    const end: ToolEnd =
      stdout === undefined
        ? { kind: 'not-started', reason: `spawn ${program} ENOENT`, cause: 'missing' }
        : { kind: 'exit', status: 0, stdout, stderr: '' };
    stdout?.split('\n').forEach(onLine);
    return end;
  };
}

/** The kernel has nf_tables with its families ip and ip6. */
const WITH_FAMILIES = () => Promise.resolve(true);

const VERSIONS = {
  'iptables --version': 'iptables v1.8.9 (nf_tables)\n',
  'iptables-nft --version': 'iptables v1.8.9 (nf_tables)\n',
  'iptables-legacy --version': 'iptables v1.8.9 (legacy)\n',
};
const KUBELET = '*mangle\n:KUBE-IPTABLES-HINT - [0:0]\nCOMMIT\n';
const RULES = '*nat\n-A PREROUTING -j X\n-A PREROUTING -j Y\nCOMMIT\n';

describe('the variant of iptables', () => {
  it.each([
    ['that holds the chains of kubelet', KUBELET, RULES, 'nft'],
    ['that holds the chains of kubelet', RULES, KUBELET, 'legacy'],
    ['that holds more rules', RULES, '*nat\n-A PREROUTING -j X\nCOMMIT\n', 'nft'],
    ['that holds any rules', '', RULES, 'legacy'],
    ['that the plain name stands for, where both are empty', '', '', 'nft'],
  ])('is the one %s', async (_, nft, legacy, expected) => {
    const run = node({ ...VERSIONS, 'iptables-nft-save': nft, 'iptables-legacy-save': legacy });
    const found = await detectTool(run, 'IPv4', WITH_FAMILIES);
    expect(found).toMatchObject({ ok: true, value: { facts: { variant: expected, version: '1.8.9' } } });
  });

  it('keeps its own name where the plain name selects one at each call', async () => {
    const run = node({ ...VERSIONS, 'iptables-nft-save': '', 'iptables-legacy-save': '' });
    const found = await detectTool(run, 'IPv4', WITH_FAMILIES);
    expect(found).toMatchObject({ ok: true, value: { programs: programs('IPv4', 'nft') } });
  });

  it('is the only one that is installed', async () => {
    const run = node({ 'ip6tables --version': 'ip6tables v1.4.21\n' });
    expect(await detectTool(run, 'IPv6', WITH_FAMILIES)).toEqual({
      ok: true,
      value: {
        programs: { main: 'ip6tables', save: 'ip6tables-save', restore: 'ip6tables-restore' },
        facts: { variant: 'legacy', version: '1.4.21', randomFully: false },
        restoreWaits: false,
      },
    });
  });

  it('is an installed one where no program has the plain name', async () => {
    const run = node({
      'iptables-legacy --version': 'iptables v1.8.9 (legacy)\n',
      'iptables-legacy-save': '',
    });
    expect(await detectTool(run, 'IPv4', WITH_FAMILIES)).toMatchObject({
      ok: true,
      value: { facts: { variant: 'legacy' } },
    });
  });

  it('is never one that the kernel does not have, whichever the plain name runs', async () => {
    const output = {
      ...VERSIONS,
      'iptables --version': 'iptables v1.8.9 (legacy)\n',
      'iptables-nft-save': '',
      'iptables-legacy-save': '',
    };
    const legacy = { ok: true, value: { facts: { variant: 'legacy' } } };
    expect(await detectTool(node(output), 'IPv4', WITH_FAMILIES)).toMatchObject(legacy);
    const found = await detectTool(node(output, ['iptables', 'iptables-legacy']), 'IPv4', WITH_FAMILIES);
    expect(found).toMatchObject({ ok: true, value: { facts: { variant: 'nft' } } });
    const neither = ['iptables', 'iptables-legacy', 'iptables-nft'];
    expect(await detectTool(node(output, neither), 'IPv4', WITH_FAMILIES)).toMatchObject(legacy);
  });

  it.each([
    ['legacy, if nft lists nothing', '', '', 'legacy'],
    ['legacy, if it holds rules', '', RULES, 'legacy'],
    ['nft, if rules prove that the family exists', RULES, '', 'nft'],
    ['nft, if chains of kubelet prove it', KUBELET, '', 'nft'],
  ])('on a kernel that refuses tables of the family is %s', async (_, nft, legacy, expected) => {
    const run = node({ ...VERSIONS, 'iptables-nft-save': nft, 'iptables-legacy-save': legacy });
    const found = await detectTool(run, 'IPv4', () => Promise.resolve(false));
    expect(found).toMatchObject({ ok: true, value: { facts: { variant: expected } } });
  });

  it('on a kernel with neither variant is the one that the plain name runs', async () => {
    const run = node({ ...VERSIONS, 'iptables-nft-save': '', 'iptables-legacy-save': '' }, [
      'iptables-legacy',
    ]);
    const found = await detectTool(run, 'IPv4', () => Promise.resolve(false));
    expect(found).toMatchObject({ ok: true, value: { facts: { variant: 'nft' } } });
  });

  it.each([
    ['the family is missing', { code: 'unsupported', index: 0 }, false],
    ['only the second request is refused', { code: 'not-found', index: 1 }, true],
    ['the process is not permitted to ask', { code: 'not-permitted', index: 0 }, true],
    ['there is no nf_tables, which the program reports itself', { code: 'unsupported' }, true],
  ] as const)('has its family unless the kernel refuses it: %s', async (_, error, expected) => {
    const commit = () =>
      Promise.resolve({ ok: false, error: { operation: 'NFT_MSG', message: '', ...error } } as const);
    expect(await askNftFamily({ commit }, 'IPv6')).toBe(expected);
  });

  it('is unavailable where nothing is installed', async () => {
    expect(await detectTool(node({}), 'IPv4', WITH_FAMILIES)).toMatchObject({
      ok: false,
      error: { code: 'unavailable', operation: 'iptables --version', kernel: 'unchanged' },
    });
  });

  it('cannot be determined from text without a version', async () => {
    const run = node({ 'iptables --version': 'busybox\n' });
    expect(await describeTool(run, programs('IPv4', 'default'))).toMatchObject({
      ok: false,
      error: { code: 'protocol' },
    });
  });

  it('with kubelet in both is nft, as in the wrappers of the distributions', () => {
    expect(chooseVariant({ kubelet: true, rules: 0 }, { kubelet: true, rules: 9 })).toBe('nft');
  });
});
