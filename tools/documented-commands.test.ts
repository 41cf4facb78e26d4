/** Commands that the documents name work as typed with any Node >= 20, which neither reads TypeScript nor runs vitest. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from './install.mjs';
import { tasks } from './suites/index.mjs';

const manifest = JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

const roots = '{apps,benchmarks,decisions,deploy,docs,examples,packages,scenarios,tools}';
const documents = globSync(['*.{md,ts}', `${roots}/**/*.{md,ts,mjs,yaml}`, 'tools/uml-run'], {
  cwd: repositoryRoot,
  exclude: (file) => /^(?:node_modules|dist|\.cache)$|\.test\.ts$/.test(path.basename(file)),
});

const PROGRAMS = 'node|npm|npx|tsx|vitest|nx';
const PREFIX = String.raw`(?:[A-Z_]+=\S+ +)*(?:(?:sudo|unshare(?: -\S+)*|tools/uml-run(?: -\S+)*) +)*`;
const COMMAND = new RegExp(
  String.raw`^${PREFIX}(?:(?:npm|npx|tsx|vitest|nx) [a-z-].*|node (?:-\S+ )*\S+\.(?:[cm]?js|ts)\b.*)$`,
);

/** Comments of a program; a Markdown file is text as a whole. */
function textOf(file: string, content: string): string {
  if (file.endsWith('.md')) return content;
  const comments = content.match(/\/\*\*[\s\S]*?\*\/|^ *(?:\/\/|#).*$/gm) ?? [];
  return comments.join('\n').replaceAll(/^ *(?:\/\*\*|\*\/|\*|\/\/|#)/gm, '');
}

/** What stands between backquotes (also across lines), in a fenced block, or indented as a block. */
function commandsIn(text: string): readonly string[] {
  const fences = [...text.matchAll(/^```[\w ]*\n([\s\S]*?)^```/gm)].flatMap(([, body = '']) =>
    body.split('\n'),
  );
  const prose = text.replaceAll(/^```[\w ]*\n[\s\S]*?^```/gm, '');
  const spans = [...prose.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replaceAll(/\s+/g, ' '));
  const indented = prose.split('\n').filter((line) => /^ {4,}\S/.test(line));
  const words = [...fences, ...spans, ...indented].map((line) => line.replace(/ #.*$/, '').trim());
  return words.filter((line) => COMMAND.test(line));
}

/** Why a command does not work as typed; `null`: nothing is known against it. */
function problemOf(command: string): string | null {
  const words = command.split(' ').filter((word) => word !== '');
  const at = words.findIndex((word) => new RegExp(`^(?:${PROGRAMS})$`).test(word));
  const [program, ...rest] = words.slice(at);
  const first = rest.find((word) => !word.startsWith('-'));
  if (program === 'npm') return npmProblem(rest);
  if (program !== 'node') return `${program} runs under the Node of the machine: use npm run`;
  if (/\.ts\b|--conditions/.test(command)) return 'Node 20 does not read TypeScript: use npm run';
  if (first === 'tools/run.mjs') {
    const task = rest[rest.indexOf(first) + 1] ?? '';
    return Object.hasOwn(tasks, task) || Object.hasOwn(manifest.scripts, task) ? null : `no task ${task}`;
  }
  if (first === undefined || first.includes('/dist/')) return null;
  return existsSync(path.join(repositoryRoot, first)) ? null : `there is no ${first}`;
}

function npmProblem([verb = '', name = '']: readonly string[]): string | null {
  if (verb === 'start' || verb === 'test') return null;
  if (verb === 'run') return Object.hasOwn(manifest.scripts, name) ? null : `no script ${name}`;
  return ['audit', 'ci', 'install', 'pack'].includes(verb) ? null : `npm ${verb} is not known to this check`;
}

const found = documents.flatMap((file) => {
  const text = textOf(file, readFileSync(path.join(repositoryRoot, file), 'utf8'));
  return commandsIn(text).map((command) => ({ file, command }));
});

/** Modules of the repository that a program loads at its start. */
function modulesOf(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!file.endsWith('.mjs')) return seen;
  const text = readFileSync(path.join(repositoryRoot, file), 'utf8');
  for (const [, target = ''] of text.matchAll(
    /^(?:import|export) .*?'(\.[^']+)';$|^\} from '(\.[^']+)';$/gm,
  )) {
    if (target !== '') modulesOf(path.join(path.dirname(file), target), seen);
  }
  return seen;
}

describe('the documented commands', () => {
  it('are found: of the README, a benchmark, an example and a guide', () => {
    expect(found.length).toBeGreaterThan(40);
    const files = new Set(found.map(({ file }) => file));
    for (const file of ['README.md', 'CONTRIBUTING.md', 'docs/windows.md', 'benchmarks/core/run.ts']) {
      expect(files).toContain(file);
    }
    expect(files).toContain('examples/iptables-by-hand.ts');
  });

  it('work as typed with Node 20', () => {
    const problems = found.map(({ file, command }) => ({ file, command, problem: problemOf(command) }));
    expect(problems.filter(({ problem }) => problem !== null)).toEqual([]);
  });

  it.each([
    'node --conditions=signalbox-source benchmarks/core/run.ts',
    'unshare -n node examples/iptables-by-hand.ts --kernel',
    'tools/uml-run npx vitest run --project uml',
    'KEY=value npx vitest run x.test.ts',
    'npm run benchmark',
    'node tools/run.mjs rig',
    'node tools/missing.mjs',
  ])('would be reported: %s', (command) => {
    expect(commandsIn(`text \`${command}\` text`)).toEqual([command]);
    expect(problemOf(command)).not.toBeNull();
  });

  it('run programs that load no TypeScript', () => {
    const programs = found.flatMap(({ command }) => /\bnode (\S+\.mjs)/.exec(command)?.[1] ?? []);
    const loaded = [...new Set(programs)].flatMap((program) => [...modulesOf(program)]);
    expect(loaded).toContain('tools/install.mjs');
    expect(loaded.filter((file) => file.endsWith('.ts'))).toEqual([]);
  });
});
