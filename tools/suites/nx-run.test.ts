import { execFileSync } from 'node:child_process';
import { globSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { pinnedEnvironment, repositoryRoot, tool } from '../install.mjs';
import { suites } from './index.mjs';
import { countRun, countTask } from './nx-run.mjs';
import { addResults, failureLines } from './report.mjs';

interface Task {
  readonly projectName: string;
  readonly target: string;
  readonly status: number;
}
const task = (projectName: string, target: string, status = 0): Task => ({ projectName, target, status });
const suite = (name: string): object => suites.find((each) => each.name === name) ?? {};

describe('the counts of a suite that nx ran', () => {
  it('are those that its targets left, added', () => {
    const reports: Readonly<Record<string, object>> = {
      one: { passed: 3, failed: 1, skipped: 0, reason: '' },
      other: { passed: 4, failed: 0, skipped: 2, reason: 'skipped: a test' },
    };
    const details = { tasks: [task('one', 'unit', 1), task('other', 'unit'), task('one', 'build')] };
    expect(countRun(suite('unit'), details, (name: string) => reports[name] ?? null)).toEqual({
      passed: 7,
      failed: 1,
      skipped: 2,
      reason: 'skipped: a test',
    });
  });

  it('are one check for each target without a report', () => {
    const details = { tasks: [task('one', 'typecheck'), task('other', 'typecheck', 2)] };
    const counts = { passed: 1, failed: 1, skipped: 0, reason: 'other:typecheck' };
    expect(countRun(suite('types'), details, () => null)).toEqual(counts);
  });

  it('are those of the checks that lint holds together', () => {
    const details = {
      tasks: [task('one', 'build'), task('tools', 'oxlint', 1), task('tools', 'knip'), task('tools', 'lint')],
    };
    const counts = { passed: 1, failed: 1, skipped: 0, reason: 'tools:oxlint' };
    expect(countRun(suite('lint'), details, () => null)).toEqual(counts);
  });

  it('are a failure if nx ran nothing', () => {
    expect(countRun(suite('unit'), { tasks: [] }, () => null)).toMatchObject({ passed: 0, failed: 1 });
  });

  it('are a failure if the target failed without a failed test, or left no report', () => {
    const report = { passed: 2, failed: 0, skipped: 0, reason: '' };
    expect(countTask(task('one', 'unit', 1), report)).toMatchObject({ passed: 2, failed: 1 });
    expect(countTask(task('one', 'unit', 1), null)).toMatchObject({ passed: 0, failed: 1 });
  });

  it('keep the texts of failures, and the end of a run repeats twenty of them', () => {
    const failing = (...failures: string[]): object => ({
      passed: 0,
      failed: 1,
      skipped: 0,
      reason: '',
      failures,
    });
    const added = addResults([failing('a'), failing('b')]);
    expect(added).toMatchObject({ failed: 2, failures: ['a', 'b'] });
    expect(failureLines([{ suite: 'unit', ...added }, { suite: 'uml' }])).toEqual(['unit: a', 'unit: b']);
    const many = failing(...Array.from({ length: 23 }, (_, index) => `test ${index}`));
    const lines = failureLines([{ suite: 'unit', ...many }]);
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('and 3 more failures');
  });

  it('have equal reasons once', () => {
    const skipped = { passed: 0, failed: 0, skipped: 1, reason: 'missing: install ipset' };
    expect(addResults([skipped, skipped])).toEqual({ ...skipped, skipped: 2 });
  });
});

interface Project {
  readonly root: string;
  readonly targets: Readonly<Record<string, Target>>;
}
interface Target {
  readonly cache?: boolean;
  readonly inputs?: readonly unknown[];
  readonly outputs?: readonly string[];
  readonly dependsOn?: readonly unknown[];
}

function readProjects(): readonly Project[] {
  const { node, env } = pinnedEnvironment();
  const options = { cwd: repositoryRoot, env, encoding: 'utf8', maxBuffer: 1 << 26 } as const;
  const graph = JSON.parse(execFileSync(node, tool('nx', 'graph', '--file=stdout'), options)) as {
    readonly graph: { readonly nodes: Readonly<Record<string, { readonly data: Project }>> };
  };
  return Object.values(graph.graph.nodes).map(({ data }) => data);
}

/** The suite of a test file, by its name; the scenarios in User-Mode Linux have a target of their own. */
function targetOf(file: string): string {
  if (path.basename(file) === 'scenarios.uml.test.ts') return 'uml-scenarios';
  const kind = /\.(kernel|uml|scenario|page)\.test\.ts$/.exec(file)?.[1] ?? 'unit';
  return kind === 'scenario' ? 'scenarios' : kind;
}

describe('the targets of nx', { timeout: 120_000 }, () => {
  const projects = readProjects();

  it('run every test file: a project around it has the target of its suite', () => {
    const files = globSync('{packages,apps,tools,examples,benchmarks}/**/*.test.ts', {
      cwd: repositoryRoot,
      exclude: (file) => /^(?:node_modules|dist)$/.test(path.basename(file)),
    });
    expect(files.length).toBeGreaterThan(100);
    const without = files.filter((file) => {
      // A target runs the files of nested projects too.
      const enclosing = projects.filter(({ root }) => file.startsWith(`${root}/`));
      return enclosing.every(({ targets }) => targets[targetOf(file)] === undefined);
    });
    expect(without).toEqual([]);
  });

  it('exist for every suite, with inputs', () => {
    for (const { targets } of suites) {
      for (const name of targets.filter((each) => each !== 'lint')) {
        const found = projects.flatMap((project) => project.targets[name] ?? []);
        expect(found.length, name).toBeGreaterThan(0);
        for (const { inputs = [] } of found) expect(inputs.length, name).toBeGreaterThan(0);
      }
    }
  });

  it('are never cached where they touch the kernel or programs of this machine', () => {
    const kernel = ['page', 'kernel', 'uml', 'uml-scenarios', 'mono', 'wine', 'demo', 'bench'];
    for (const name of kernel) {
      const found = projects.flatMap((project) => project.targets[name] ?? []);
      expect(
        found.map(({ cache = false }) => cache),
        name,
      ).not.toContain(true);
    }
  });

  it('of lint include every check of tools/', () => {
    const files = readdirSync(path.join(repositoryRoot, 'tools'));
    const checks = files.filter((name) => /^check-.*\.mjs$/.test(name)).map((name) => name.slice(0, -4));
    const tools = projects.find(({ root }) => root === 'tools');
    expect(tools?.targets['lint']?.dependsOn).toEqual(expect.arrayContaining(checks));
  });
});
