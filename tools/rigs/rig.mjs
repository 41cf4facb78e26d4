// What both Windows rigs share: host packages, the simulator's process, the bundle of checks, the report.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ensureHostPackages, installPackages } from '../host-packages.mjs';
import { pinnedEnvironment, repositoryRoot } from '../install.mjs';
import { handleSignals, mustRun } from '../process.mjs';

export const root = repositoryRoot;
/** The Node that the lockfile pins, and an environment in which it is the first. */
export const { node, env } = pinnedEnvironment();

/** Thrown when the machine cannot run the rig: a reason, not a failure. */
export class Skip extends Error {}

/** The result of the promise; where this machine cannot produce it, that of `otherwise(reason)`. */
export async function unlessSkipped(promise, otherwise) {
  try {
    return await promise;
  } catch (error) {
    if (!(error instanceof Skip)) throw error;
    return otherwise(error.message);
  }
}

/** The suite's last line of output (tools/suites/rig.mjs reads it); exit status 1 only for failures. */
export async function runRig(rig, run) {
  const started = { rig, passed: 0, failed: 0, skipped: 0, reason: '' };
  const finish = (result) => {
    process.stdout.write(`${JSON.stringify({ ...started, ...result })}\n`);
    process.exit(result.failed > 0 ? 1 : 0);
  };
  handleSignals();
  try {
    finish(await run());
  } catch (error) {
    if (error instanceof Skip) finish({ skipped: 1, reason: error.message });
    process.stdout.write(`${error.stack ?? error}\n`);
    finish({ failed: 1, reason: String(error.message ?? error).split('\n')[0] });
  }
}

function succeeds(command, args, environment = env) {
  try {
    execFileSync(command, args, { stdio: 'ignore', env: environment });
    return true;
  } catch {
    return false;
  }
}

export function hasLibrary(name) {
  return succeeds('pkg-config', ['--exists', name]);
}

/** The commands of the suite, then `libraries`: `{present: () => boolean, packages: string[]}` each. */
export async function ensurePackages(suite, libraries) {
  const reason = await ensureHostPackages(suite, env);
  if (reason !== null) throw new Skip(reason);
  const missing = () => libraries.filter(({ present }) => !present()).flatMap(({ packages }) => packages);
  if (missing().length === 0) return;
  const failure = await installPackages([...new Set(missing())]);
  if (failure !== null) throw new Skip(failure);
  if (missing().length > 0) throw new Skip(`missing: install ${missing().join(' ')}`);
}

/** The standard output of a program that ends with 0; anything else is an error with all that it wrote. */
export function run(command, args, options = {}) {
  return mustRun(command, args, { env, timeoutSeconds: 600, ...options });
}

/** Fetches a package of the npm registry into `folder/name` without installing it; several processes can do so at a time. */
export async function fetchPackage(spec, folder, name) {
  const target = path.join(folder, name);
  const isFetched = () => existsSync(path.join(target, 'package.json'));
  if (isFetched()) return target;
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(path.join(folder, `${name}.part-`));
  try {
    const args = ['pack', spec, '--silent', '--pack-destination', work];
    const output = await run('npm', args, { cwd: folder }).catch((error) => {
      throw new Skip(`${spec} cannot be had from the npm registry: ${String(error.message).split('\n')[1]}`);
    });
    await run('tar', ['xzf', path.join(work, output.trim().split('\n').at(-1)), '-C', work]);
    moveFolder(path.join(work, 'package'), target, isFetched);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return target;
}

/**
 * Puts a complete folder in its place. Another process can do so at any time: then its folder stays. Only a folder that has been found
 * in the place and incomplete is removed.
 */
export function moveFolder(from, target, isComplete) {
  const move = () => {
    try {
      renameSync(from, target);
    } catch (error) {
      if (!isComplete()) return error;
    }
    return null;
  };
  if (move() === null) return;
  rmSync(target, { recursive: true, force: true });
  const error = move();
  if (error !== null) throw error;
}

/** One ES module with everything in it. */
export async function bundle(entry, output, conditions = 'signalbox-source') {
  const esbuild = path.join(root, 'node_modules/.bin/esbuild');
  const options = [
    '--bundle',
    '--platform=node',
    '--format=esm',
    '--target=node22',
    `--conditions=${conditions}`,
  ];
  await run(esbuild, [
    path.join(root, entry),
    ...options,
    '--external:edge-js',
    '--log-level=warning',
    `--outfile=${output}`,
  ]);
}

/** The simulator in its own process: `{port, controlPort, stop()}`. */
export async function startSimulator() {
  const main = path.join(root, 'packages/hns-simulator/src/main.ts');
  const child = spawn(node, ['--conditions=signalbox-source', main], {
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: root,
  });
  const [line] = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (text) => resolve([text]));
    child.once('exit', (code) => reject(new Error(`the simulator ended with ${code}`)));
  });
  const stop = () =>
    new Promise((resolve) => {
      child.once('exit', resolve);
      child.stdin.end();
    });
  return { ...JSON.parse(line), stop };
}

/** One request on the simulator's control port (packages/hns-simulator/src/server.ts). */
export function askSimulator({ controlPort }, request) {
  return new Promise((resolve, reject) => {
    const socket = connect(controlPort, '127.0.0.1', () => socket.write(`${JSON.stringify(request)}\n`));
    createInterface({ input: socket }).once('line', (line) => {
      socket.destroy();
      const { value, error } = JSON.parse(line);
      if (error === undefined) resolve(value);
      else reject(new Error(error));
    });
    socket.once('error', reject);
  });
}

/** Counts the lines of a result file; the last must be `end`, or the program died on the way. */
export function readResults(file) {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter(Boolean) : [];
  const results = lines.map((line) => JSON.parse(line));
  const ended = results.at(-1)?.name === 'end';
  const checks = results.filter((result) => result.name !== 'end');
  if (!ended) checks.push({ name: 'the checks run to their end', failure: 'the process ended before' });
  return checks;
}

export function countChecks(checks) {
  for (const { name, failure } of checks) {
    process.stdout.write(`${failure === null ? 'ok    ' : 'FAILED'} ${name}\n`);
    if (failure !== null) process.stdout.write(`       ${failure.replaceAll('\n', '\n       ')}\n`);
  }
  const failed = checks.filter((check) => check.failure !== null);
  const reason = failed.map((check) => check.name).join('; ');
  return { passed: checks.length - failed.length, failed: failed.length, skipped: 0, reason };
}

/** A check made by the rig itself. */
export async function check(name, act) {
  try {
    await act();
    return { name, failure: null };
  } catch (error) {
    return { name, failure: error.stack ?? String(error) };
  }
}
