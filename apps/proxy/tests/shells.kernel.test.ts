/** What the packed program writes for other programs: completion for zsh and fish, and the manual page. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';

const PATIENCE = 60_000;

interface Ending {
  readonly status: number;
  readonly output: string;
}

function run(file: string, ...words: string[]): Promise<Ending> {
  return new Promise((resolve) => {
    const env = { ...process.env, TERM: 'dumb', HOME: folder.path, XDG_CONFIG_HOME: folder.path };
    execFile(file, words, { timeout: PATIENCE, env }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ status, output: stdout + stderr });
    });
  });
}

const folder = { path: '' };
beforeAll(async () => {
  folder.path = mkdtempSync(join(tmpdir(), 'signalbox-shells-'));
  for (const shell of ['zsh', 'fish']) {
    const { output } = await run(process.execPath, inject('packedApp'), 'completion', shell);
    writeFileSync(join(folder.path, `script.${shell}`), output);
  }
}, PATIENCE);
afterAll(() => rmSync(folder.path, { recursive: true, force: true }));

it(
  'fish completes commands, flags and values',
  async () => {
    const asked = ['mi', 'migrate --to nf', 'version --ou', 'help exp', 'explain --proxy-mode=nf'];
    const lines = asked.map((words) => `complete -C 'signalbox ${words}' | string split -f 1 \\t`);
    const script = join(folder.path, 'script.fish');
    const { output } = await run('fish', '--no-config', '-c', [`source ${script}`, ...lines].join('\n'));
    expect(output.trim().split('\n')).toEqual([
      'migrate',
      'nftables',
      '--output',
      'explain',
      '--proxy-mode=nftables',
    ]);
  },
  PATIENCE,
);

/** A zsh with a line editor, in a pseudo-terminal of another: each read waits for what the editor shows. */
const zshSession = (script: string): string => String.raw`
zmodload zsh/zpty
zpty z "TERM=dumb PS1='> ' zsh -f -i"
zpty -w z 'autoload -U compinit; compinit -u -D; source ${script}; print -r -- REA""DY'
zpty -r -m z out '*READY*' || exit 1
zpty -w -n z $'signalbox mig\t'
zpty -r -m z out '*mig*rate *' || exit 2
zpty -w -n z $'--to nft\t'
zpty -r -m z out '*nft*ables *' || exit 3
zpty -w -n z $'--proxy-mode=ipt\t'
zpty -r -m z out '*ipt*ables *' || exit 4
zpty -d z
`;

it(
  'zsh completes commands, flags and values',
  async () => {
    const script = zshSession(join(folder.path, 'script.zsh'));
    expect(await run('zsh', '-f', '-c', script)).toEqual({ status: 0, output: '' });
  },
  PATIENCE,
);

it(
  'a terminal gets the ids of clauses as links to the documents beside the program',
  async () => {
    const program = inject('packedApp');
    const command = `${process.execPath} ${program} explain 10.244.1.9 10.96.0.10:80 --manifests=${folder.path}`;
    const script = [
      'zmodload zsh/zpty',
      `zpty z "TERM=xterm ${command}"`,
      `zpty -r -m z out '*see *' && print -r -- "$out"`,
    ];
    const { output } = await run('zsh', '-f', '-c', script.join('\n'));
    const document = `file://${dirname(program)}/docs/service-semantics.md#s19`;
    expect(output).toContain(`(\u001B]8;;${document}\u001B\\S19\u001B]8;;\u001B\\)`);
  },
  PATIENCE,
);

it(
  'mandoc finds nothing to complain of in the manual page, but that it has no date',
  async () => {
    const page = join(dirname(inject('packedApp')), 'signalbox.8');
    const { output } = await run('mandoc', '-T', 'lint', '-W', 'warning', page);
    expect(output.split('\n').filter((line) => line !== '' && !line.includes('missing date'))).toEqual([]);
    expect((await run('mandoc', '-T', 'utf8', page)).output).toContain('metrics');
  },
  PATIENCE,
);
