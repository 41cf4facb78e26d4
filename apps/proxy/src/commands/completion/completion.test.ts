import { execFile } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../../command-line.ts';
import { FLAGS } from '../../flags/flags.ts';
import { MODES } from '../../modes/index.ts';
import { recordingComposition } from '../../testing/composition.ts';
import { COMMANDS } from '../table.ts';
import { PATHS } from './candidates.ts';

async function script(shell: string): Promise<string> {
  const printed: string[] = [];
  const terminal = { print: (text: string) => void printed.push(text), hint: () => undefined };
  const outcome = await runCommandLine(['completion', shell], recordingComposition(), terminal);
  expect(outcome).toEqual({ status: 0, errors: [] });
  return printed.join('');
}

/** The candidates from bash's function for the command, with the words as readline splits them. */
async function complete(...words: string[]): Promise<readonly string[]> {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const body = `${await script('bash')}
compopt() { :; }
COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}
$(complete -p signalbox | while read -r line; do line=\${line##*-F }; echo \${line%% *}; done); printf '%s\\n' "\${COMPREPLY[@]}"`;
  return new Promise((resolve, reject) => {
    execFile('bash', ['--norc', '-c', body], { cwd: '/' }, (error, stdout) => {
      if (error === null) resolve(stdout.split('\n').filter((line) => line !== ''));
      else reject(error);
    });
  });
}

describe('completion in bash', () => {
  it('offers commands as the first word', async () => {
    expect(await complete('signalbox', '')).toEqual(COMMANDS.map(({ name }) => name));
    expect(await complete('signalbox', 'mi')).toEqual(['migrate']);
  });

  it('offers every flag of the proxy, also after a command that accepts them', async () => {
    const all = FLAGS.map(({ name }) => `--${name}`);
    expect(await complete('signalbox', '--')).toEqual(all);
    expect(await complete('signalbox', 'migrate', '--')).toEqual(['--to', '--dry-run', '--output', ...all]);
    expect(await complete('signalbox', 'version', '--')).toEqual(['--output', '--help']);
  });

  it.each([
    [['migrate', '--to', 'nf'], ['nftables']],
    [
      ['explain', '--proxy-mode', '=', 'ip'],
      ['iptables', 'ipvs'],
    ],
    [['--proxy-mode', '='], MODES.map(({ name }) => name)],
    [['--ipvs-local-policy-fallback', 'c'], ['cluster']],
    [
      ['version', '-o', ''],
      ['text', 'json'],
    ],
    [['version', '-o', '-'], []],
    [['--config', '/et'], ['/etc']],
    [['--manifests', '/et'], ['/etc']],
    [['--master', ''], []],
    [['windows-service', 'un'], ['uninstall']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['help', 'exp'], ['explain']],
  ])('%j: %j', async (words, expected) => {
    expect((await complete('signalbox', ...words)).toSorted()).toEqual(expected.toSorted());
  });
});

describe('completion scripts', () => {
  it.each(['zsh', 'fish'])('for %s name every command and flag', async (shell) => {
    const text = await script(shell);
    for (const { name } of COMMANDS) expect(text).toContain(name);
    for (const { name } of FLAGS) expect(text).toContain(name);
  });

  it('complete paths for flags that exist', () => {
    const names = FLAGS.map(({ name }) => name);
    expect(Object.keys(PATHS).filter((name) => !names.includes(name))).toEqual([]);
  });
});
