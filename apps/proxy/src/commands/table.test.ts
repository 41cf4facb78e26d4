import { describe, expect, it } from 'vitest';
import { runCommandLine } from '../command-line.ts';
import { flagNamed } from '../flags/flags.ts';
import { parseFlags } from '../flags/parse.ts';
import { recordingComposition } from '../testing/composition.ts';
import { syntaxOf } from './command.ts';
import { COMMANDS } from './table.ts';

async function command(...argv: string[]) {
  const printed: string[] = [];
  const hints: string[] = [];
  const outcome = await runCommandLine(argv, recordingComposition(), {
    print: (text) => printed.push(text),
    hint: (text) => hints.push(text),
  });
  return { ...outcome, printed: printed.join(''), hinted: hints.join('') };
}

describe.each(COMMANDS)('signalbox $name', (row) => {
  const syntax = syntaxOf(row);

  it('has a summary of one line, that starts with a capital and has no final stop', () => {
    expect(row.summary).toMatch(/^[A-Z].*[^.]$/);
    expect(`  ${row.name}  ${row.summary}`.length).toBeLessThanOrEqual(110);
  });

  it('has examples that its own parser accepts', () => {
    expect(row.examples).not.toHaveLength(0);
    for (const { line } of row.examples) {
      const [program, name, ...rest] = line.replace(/ [|>] .*$/, '').split(' ');
      expect([program, name]).toEqual(['signalbox', row.name]);
      expect(parseFlags(rest, syntax), line).toMatchObject({ ok: true });
    }
  });

  it('has no flag with the name of a flag of the proxy, and initial values of the kind of the flag', () => {
    const names = row.flags.map(({ name }) => name);
    expect(names.filter((name) => flagNamed(name) !== undefined)).toEqual([]);
    const optional = { ...syntax, arguments: [] };
    const parsed = parseFlags([], optional);
    expect(parsed.ok && [...parsed.value.own.keys()]).toEqual(names);
  });

  it('--help, -h and signalbox help print the same: arguments, flags, examples, statuses', async () => {
    const { status, printed } = await command(row.name, '--help');
    expect(status).toBe(0);
    expect((await command(row.name, '-h')).printed).toBe(printed);
    expect((await command('help', row.name)).printed).toBe(printed);
    expect(printed).toContain(`Usage: signalbox ${row.name}`);
    for (const { name } of row.flags) expect(printed).toContain(`--${name}`);
    for (const { name } of row.arguments) expect(printed).toContain(`  ${name}\n`);
    for (const { line } of row.examples) expect(printed).toContain(line);
    for (const status of Object.keys(row.statuses)) expect(printed).toContain(`\n  ${status}  `);
    expect(Math.max(...printed.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
  });

  it('refuses an unknown flag with one error, and offers the nearest', async () => {
    const { status, errors, hinted } = await command(row.name, '--hepl');
    expect([status, errors.length]).toEqual([1, 1]);
    expect(errors[0]).toContain('unknown flag: --hepl (did you mean --help?)');
    expect(hinted).toContain(`Usage: signalbox ${row.name}`);
  });
});

describe('the table of commands', () => {
  it('has a name only once', () => {
    const names = COMMANDS.flatMap(({ name, formerNames = [] }) => [name, ...formerNames]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('is what signalbox help lists', async () => {
    const { printed } = await command('help');
    for (const { name, summary } of COMMANDS)
      expect(printed).toMatch(new RegExp(`^  ${name} +${summary[0]}`, 'm'));
  });
});

describe('a mistyped command line is one error', () => {
  it.each([
    [['expalin', '10.0.0.1', '10.0.0.2:80'], 'unknown command: "expalin" (did you mean explain?)'],
    [['help', 'migarte'], 'unknown command: "migarte" (did you mean migrate?)'],
    [['help', 'everything'], 'unknown command: "everything"'],
    [['version', '-o', 'jsno'], '-o: jsno is not text or json (did you mean json?)'],
    [['version', '--output=xml'], '--output: xml is not text or json'],
    [['version', '-o'], 'flag needs an argument: -o'],
    [['version', '--proxy-mode=ipvs'], 'unknown flag: --proxy-mode'],
    [
      ['version', 'now'],
      'signalbox version does not take any arguments, got "now". Usage: signalbox version [flags]',
    ],
    [
      ['--proxy-mode=iptabels'],
      'invalid argument "iptabels" for "--proxy-mode" flag: must be one of iptables, ipvs, nftables, userspace or blank, on linux (did you mean iptables?)',
    ],
    [
      ['--ipvs-local-policy-fallback=clsuter'],
      'invalid argument "clsuter" for "--ipvs-local-policy-fallback" flag: must be drop or cluster (did you mean cluster?)',
    ],
    [['explain', '10.0.0.1'], 'TO: required. Usage: signalbox explain FROM TO [flags]'],
    [
      ['explain', '10.0.0.1', '10.0.0.2:80', 'x'],
      'signalbox explain does not take more arguments, got "x". Usage: signalbox explain FROM TO [flags]',
    ],
    [
      ['windows-service', 'instal'],
      'ACTION: instal is not install, uninstall, or status (did you mean install?)',
    ],
    [['explain', '10.0.0.1', '10.0.0.2:80', '--cleanup'], '--cleanup: not with signalbox explain'],
  ])('%j', async (argv, expected) => {
    const { status, errors } = await command(...argv);
    expect([status, errors]).toEqual([1, [expected]]);
  });
});

describe('flags and arguments of a command', () => {
  it('are accepted in any order, with the values of flags after them', () => {
    const row = COMMANDS.find(({ name }) => name === 'explain');
    if (row === undefined) throw new Error('no explain');
    const parsed = parseFlags(['--config', 'x.yaml', 'FROM', '-v', '4', 'TO', '--profiling'], syntaxOf(row));
    expect(parsed).toMatchObject({
      ok: true,
      value: { words: ['FROM', 'TO'], flagWords: ['--config', 'x.yaml', '-v', '4', '--profiling'] },
    });
  });

  it('-- ends the flags', () => {
    const syntax = { program: 'p', arguments: [{ name: 'A', help: '' }], flags: [], takesProxyFlags: false };
    expect(parseFlags(['--', '-x'], syntax)).toMatchObject({ ok: true, value: { words: ['-x'] } });
  });

  it('an earlier name of a command works, with a notice', async () => {
    const { errors, hinted } = await command('service', 'status');
    expect(hinted).toContain('Warning: signalbox service is now signalbox windows-service\n');
    // Elsewhere than on Windows.
    expect(errors).toEqual(['signalbox windows-service: only on Windows']);
  });
});

describe('signalbox version', () => {
  it('prints the version of Signalbox and of Kubernetes', async () => {
    const { status, printed } = await command('version');
    expect(status).toBe(0);
    expect(printed).toMatch(/^Signalbox: {2}v\d+\.\d+\.\d+\nKubernetes: v1\.36\.\d+\n/);
  });

  it('-o json has the fields of --version=raw', async () => {
    const { printed } = await command('version', '-o', 'json');
    expect(JSON.parse(printed)).toEqual(JSON.parse((await command('--version=raw')).printed));
  });
});
