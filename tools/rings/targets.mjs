// An nx target over every project that has it; one test a project.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { tool } from '../install.mjs';
import { run, runQuietly } from '../process.mjs';
import { countChecks } from '../report.mjs';

/** Folders with TypeScript that are no package of the workspace. */
const loose = ['tools', 'examples', 'benchmarks'];

async function projectsWith(target, { node, env }) {
  const args = tool('nx', 'show', 'projects', '--with-target', target, '--json');
  const { status, output } = await run(node, args, { env, capture: true });
  if (status !== 0) throw new Error(`nx show projects failed:\n${output}`);
  return JSON.parse(output);
}

async function checkLooseFolders({ node, env, root }) {
  const folders = loose.filter((folder) => existsSync(path.join(root, folder, 'tsconfig.json')));
  const done = [];
  for (const folder of folders) {
    const { status } = await runQuietly(node, tool('tsc', '-p', `${folder}/tsconfig.json`), { env });
    done.push({ name: folder, status });
  }
  return done;
}

/** nx ends a failed run with a list of `- project:target`. */
export function failedProjects(output, target) {
  const lines = stripVTControlCharacters(output)
    .split('\n')
    .map((line) => line.trim());
  const suffix = `:${target}`;
  return lines
    .filter((line) => line.startsWith('- ') && line.endsWith(suffix))
    .map((line) => line.slice(2, -suffix.length));
}

async function runTarget(target, context) {
  const { node, env, ci, rest, task } = context;
  const projects = await projectsWith(target, context);
  const own = task === 'test' ? [] : rest;
  const cache = ci ? ['--skip-nx-cache'] : [];
  const args = tool('nx', 'run-many', '-t', target, '--output-style=static', ...cache, ...own);
  const { status, output } = await runQuietly(node, args, { env });
  const failed = new Set(status === 0 ? [] : failedProjects(output, target));
  const done = projects.map((name) => ({ name, status: failed.has(name) ? 1 : 0 }));
  if (status !== 0 && failed.size === 0) done.push({ name: `nx run-many -t ${target}`, status });
  if (target === 'typecheck') done.push(...(await checkLooseFolders(context)));
  return countChecks(done);
}

export function runTargets(target) {
  return (context) => runTarget(target, context);
}
