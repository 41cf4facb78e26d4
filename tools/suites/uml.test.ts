import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { pinnedEnvironment, repositoryRoot, tool } from '../install.mjs';
import { parseCpuList } from './uml.mjs';

describe('the uml suite', () => {
  it.each([
    ['0-1', [0, 1]],
    ['3', [3]],
    ['0-2,8,10-11', [0, 1, 2, 8, 10, 11]],
  ])('reads the processors %s', (text, cpus) => {
    expect(parseCpuList(text)).toEqual(cpus);
  });

  it('runs the scenarios once, in a kernel of their own', () => {
    const { node, env } = pinnedEnvironment();
    const list = (project: string): readonly string[] => {
      const words = tool('vitest', 'list', '--filesOnly', '--project', project);
      const text = execFileSync(node, words, { cwd: repositoryRoot, env, encoding: 'utf8' });
      return text.split('\n').filter((line) => line.includes('.uml.test.ts'));
    };
    const isScenarios = (line: string): boolean => line.includes('/scenarios.uml.test.ts');
    const others = list('uml');
    expect(others.length).toBeGreaterThan(5);
    expect(others.filter(isScenarios)).toEqual([]);
    expect(list('uml-scenarios').filter((line) => !isScenarios(line))).toEqual([]);
    expect(list('uml-scenarios')).toHaveLength(1);
  });
});
