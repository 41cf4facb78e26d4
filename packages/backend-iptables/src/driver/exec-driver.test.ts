/** The driver against a stand-in for iptables: a script that does what a test tells it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExecDriver } from './exec-driver.ts';
import type { IptablesDriver } from './iptables-driver.ts';

const lab = { folder: '', script: '', log: '' };

const SCRIPT = `
import { appendFileSync, readFileSync } from 'node:fs';
const [log, behaviour, program, ...args] = process.argv.slice(2);
appendFileSync(log, [program, ...args].join(' ') + '\\n');
if (args.includes('--version')) {
  process.stdout.write('iptables v1.8.9 (' + (behaviour === 'nft' ? 'nf_tables' : 'legacy') + ')\\n');
} else if (behaviour === 'gives-up') {
  process.stderr.write('iptables-restore: line 2 failed\\n');
  process.exit(1);
} else if (behaviour === 'hangs') {
  setInterval(() => {}, 1000);
} else if (program.endsWith('-restore')) {
  appendFileSync(log, readFileSync(0, 'utf8'));
} else if (args.includes('-C') || args.includes('-S')) {
  process.exit(Number(behaviour));
} else {
  process.stdout.write('*nat\\n:X - [0:0]\\n-A X -j Y\\nCOMMIT');
}
`;

beforeAll(() => {
  lab.folder = mkdtempSync(path.join(tmpdir(), 'backend-iptables-'));
  lab.script = path.join(lab.folder, 'tool.mjs');
  lab.log = path.join(lab.folder, 'log');
  writeFileSync(lab.script, SCRIPT);
});
afterAll(() => rmSync(lab.folder, { recursive: true }));

function driver(behaviour: string, timeLimit = 60_000): IptablesDriver {
  writeFileSync(lab.log, '');
  const commandPrefix = [process.execPath, lab.script, lab.log, behaviour];
  const variant = behaviour === 'nft' ? 'nft' : 'legacy';
  return createExecDriver({ family: 'IPv4', variant, commandPrefix, timeLimit });
}

const calls = (): string => readFileSync(lab.log, 'utf8');

describe('createExecDriver', () => {
  it('asks for the version once, and hands the input over unchanged', async () => {
    const tool = driver('0');
    expect(await tool.restore('*nat\nCOMMIT\n')).toEqual({ ok: true, value: null });
    const lines: string[] = [];
    expect(await tool.save((line) => lines.push(line))).toEqual({ ok: true, value: null });
    expect(lines).toEqual(['*nat', ':X - [0:0]', '-A X -j Y', 'COMMIT']);
    expect(calls()).toBe(
      'iptables-legacy --version\niptables-legacy-restore -w 5 --noflush\n*nat\nCOMMIT\n' +
        'iptables-legacy-save\n',
    );
  });

  it('gives each input of the nft variant to a process of its own, started ahead', async () => {
    const tool = driver('nft');
    for (const line of ['# one', '# two', '# three']) {
      expect(await tool.restore(`${line}\n`)).toEqual({ ok: true, value: null });
    }
    await tool.close();
    expect(calls().match(/^#.*$/gm)).toEqual(['# one', '# two', '# three']);
    expect(calls().match(/-restore -w 5 --noflush$/gm)?.length).toBeGreaterThanOrEqual(3);
  });

  it('passes the words of a rule one by one', async () => {
    const tool = driver('0');
    const rule = '-m comment --comment "two words" -j X';
    expect(await tool.hasRule('nat', 'PREROUTING', rule)).toEqual({ ok: true, value: true });
    expect(calls()).toContain('-t nat -C PREROUTING -m comment --comment two words -j X\n');
  });

  it.each([
    ['0', { ok: true, value: true }],
    ['1', { ok: true, value: false }],
    ['2', { ok: true, value: false }],
    ['4', { ok: false, error: { code: 'busy', kernel: 'unchanged' } }],
  ])('takes status %s of a question for its answer', async (status, answer) => {
    expect(await driver(status).hasChain('mangle', 'KUBE-PROXY-CANARY')).toMatchObject(answer);
  });

  it('survives a tool that gives up with megabytes of input unread', async () => {
    const input = `*nat\n${'-A X -j Y\n'.repeat(400_000)}COMMIT\n`;
    expect(await driver('gives-up').restore(input)).toMatchObject({
      ok: false,
      error: { code: 'rejected', kernel: 'unchanged', message: expect.stringContaining('line 2 failed') },
    });
  });

  it('ends a tool that does not end', async () => {
    expect(await driver('hangs', 500).restore('*nat\nCOMMIT\n')).toMatchObject({
      ok: false,
      error: { code: 'timeout', kernel: 'unknown' },
    });
  });

  it('says that the tool is missing, and asks again the next time', async () => {
    const tool = createExecDriver({ family: 'IPv4', commandPrefix: [path.join(lab.folder, 'none')] });
    expect(await tool.probe()).toMatchObject({ ok: false, error: { code: 'unavailable' } });
    expect(await tool.restore('*nat\nCOMMIT\n')).toMatchObject({ ok: false, error: { kernel: 'unchanged' } });
  });
});
