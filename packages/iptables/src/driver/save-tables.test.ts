/** A listing counts only with proof that nothing is missing: every incomplete answer of the tools is an error. */
import { describe, expect, it } from 'vitest';
import type { ToolEnd } from './run-tool.ts';
import { programs } from './variant.ts';
import { proveAbsent, saveChains, saveTables, type Execute } from './save-tables.ts';

interface Reply {
  readonly lines?: readonly string[];
  readonly status?: number;
  readonly stderr?: string;
}

const INCOMPATIBLE = "# Table `nat' is incompatible, use 'nft' tool.";
const SAVED: Reply = { lines: ['*filter', 'COMMIT', '*mangle', 'COMMIT', INCOMPATIBLE] };
const NAMES: Reply = {
  lines: ["Zeroing chain `PREROUTING'", "Zeroing chain `KUBE-SERVICES'"],
  status: 1,
  stderr: 'chain KUBE-PROXY-NO-CHAIN does not exist',
};
const refused = (chain: string): Reply => ({
  status: 1,
  stderr: `chain \`${chain}' in table \`nat' is incompatible, use 'nft' tool.`,
});

/** The tools answer so, one command after the other. */
function answering(...replies: readonly Reply[]): { readonly execute: Execute; readonly inputs: string[] } {
  const left = [...replies];
  const inputs: string[] = [];
  const execute: Execute = (_command, { input = [], onLine } = {}): Promise<ToolEnd> => {
    inputs.push([...input].join(''));
    const { lines = [], status = 0, stderr = '' } = left.shift() ?? { status: 99 };
    for (const line of lines) onLine?.(line);
    return Promise.resolve({ kind: 'exit', status, stdout: '', stderr });
  };
  return { execute, inputs };
}

async function saved(...replies: readonly Reply[]) {
  const lines: string[] = [];
  const { execute, inputs } = answering(...replies);
  const work = {
    execute,
    programs: programs('IPv4', 'nft'),
    wait: [],
    onLine: (line: string) => lines.push(line),
  };
  return { result: await saveTables(work), lines, inputs };
}

describe('a table that the tool cannot list', () => {
  it('is listed chain by chain, and a chain that cannot be listed is named', async () => {
    const { result, lines, inputs } = await saved(SAVED, NAMES, refused('PREROUTING'), {
      lines: ['-N KUBE-SERVICES', '-A KUBE-SERVICES -j RETURN'],
    });
    expect(result).toEqual({ ok: true, value: { incompatible: ['nat'], absent: [] } });
    expect(lines.slice(-6)).toEqual([
      '*nat',
      ':PREROUTING ACCEPT [0:0]',
      expect.stringContaining('-A PREROUTING '),
      ':KUBE-SERVICES - [0:0]',
      '-A KUBE-SERVICES -j RETURN',
      'COMMIT',
    ]);
    expect(inputs.at(-1)).toBe('*nat\n-S KUBE-SERVICES\nCOMMIT\n');
  });

  const INCOMPLETE: readonly (readonly [what: string, replies: readonly Reply[]])[] = [
    ['the names of its chains end without the error that proves the end', [{ ...NAMES, status: 0 }]],
    ['the names of its chains end with another error', [{ ...NAMES, stderr: 'out of memory' }]],
    ['the names of its chains end with another status', [{ ...NAMES, status: 4 }]],
    ['fewer chains are listed than asked for', [NAMES, { lines: ['-P PREROUTING ACCEPT'] }]],
    ['a chain behind the next one is refused', [NAMES, refused('KUBE-SERVICES')]],
    [
      'a chain is refused that was listed',
      [NAMES, { lines: ['-P PREROUTING ACCEPT'], ...refused('PREROUTING') }],
    ],
    [
      'the listing ends with an error that names no chain',
      [NAMES, { status: 4, stderr: 'resource problem' }],
    ],
  ];
  it.each(INCOMPLETE)('is not taken for listed if %s', async (_, replies) => {
    const { result } = await saved(SAVED, ...replies, { lines: ['-N KUBE-SERVICES'] });
    expect(result).toMatchObject({ ok: false, error: { kernel: 'unchanged' } });
  });

  it('is listed by names that are known, in the same way', async () => {
    const { execute } = answering({ lines: ['-N KUBE-A'] });
    const work = { execute, programs: programs('IPv4', 'nft'), wait: [], onLine: () => undefined };
    expect(await saveChains(work, 'nat', ['KUBE-A', 'KUBE-B'])).toMatchObject({ kernel: 'unchanged' });
  });
});

describe('a table that was not listed', () => {
  it.each([
    [0, 'protocol'],
    [1, null],
    [2, null],
    [3, 'rejected'],
    [4, 'busy'],
  ])(
    'has no rules of Services only if the query for the chain ends with 1 or 2: status %i',
    async (status, code) => {
      const { execute } = answering({ status });
      const error = await proveAbsent({ execute, programs: programs('IPv4', 'nft'), wait: [] }, ['nat']);
      expect(error?.code ?? null).toBe(code);
    },
  );
});
