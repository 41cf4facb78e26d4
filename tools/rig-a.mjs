#!/usr/bin/env node
// Rig A: Node -> edge-js -> Signalbox.Hcn.dll -> P/Invoke -> a stand-in library -> the HNS simulator, on Linux under
// Mono. Real are edge-js, the DLL that ships, and everything about strings, handles and HRESULTs between them.
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as rig from './rigs/rig.mjs';

const EDGE = 'edge-js@26.1.0';
const folder = path.join(rig.root, '.cache/rig-a');
const cc = ['-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-O2', '-fvisibility=hidden'];

/** Files to compile with, which have no command: tools/host-packages.mjs declares the others. */
const needs = [
  { present: () => rig.hasLibrary('mono-2'), packages: ['libmono-2.0-dev'] },
  { present: () => rig.hasLibrary('glib-2.0'), packages: ['libglib2.0-dev'] },
];

/** node-gyp builds with all processors. Optimizing C++ for one run of the checks takes longer than the checks. */
const BUILD = { JOBS: 'max', CXXFLAGS: '-O0 -w' };

/** edge-js has no binary for Linux: its install script builds one for this very Node, so the folder bears its version. */
async function installEdge() {
  const version = (await rig.run(rig.node, ['--version'])).trim();
  const prefix = path.join(folder, `edge-${version}`);
  const module = path.join(prefix, 'node_modules/edge-js');
  if (existsSync(path.join(module, 'build/Release/edge_nativeclr.node'))) return module;
  if (/\s/.test(prefix)) throw new rig.Skip(`node-gyp builds nothing in a folder with a space: ${prefix}`);
  rmSync(prefix, { recursive: true, force: true });
  mkdirSync(prefix, { recursive: true });
  // npm 11.19 runs only the install scripts that are allowed.
  writeFileSync(path.join(prefix, 'package.json'), '{"private":true,"allowScripts":{"edge-js":true}}\n');
  // The package that brings this Node brings its headers too; without them node-gyp downloads them.
  const headers = path.resolve(rig.node, '../..');
  const bundled = existsSync(path.join(headers, 'include/node/node.h'));
  const env = { ...rig.env, ...BUILD, ...(bundled ? { npm_config_nodedir: headers } : {}) };
  process.stdout.write(`building ${EDGE} for Node ${version}\n`);
  const options = ['--no-audit', '--no-fund', '--foreground-scripts', '--prefix', prefix];
  await rig.run('npm', ['install', ...options, EDGE], { env, cwd: prefix });
  if (!existsSync(path.join(module, 'build/Release/edge_nativeclr.node'))) {
    throw new rig.Skip(`${EDGE} did not build its Mono addon (npm does not run install scripts?)`);
  }
  return module;
}

async function buildStandIn() {
  const library = path.join(folder, 'libcomputenetwork.so');
  const source = path.join(rig.root, 'packages/hns-simulator/native/computenetwork.c');
  await rig.run('gcc', [...cc, '-o', library, source, '-lpthread']);
  const alias = path.join(folder, 'libvmcompute.so');
  rmSync(alias, { force: true });
  symlinkSync('libcomputenetwork.so', alias);
}

async function runChecks(edge) {
  const program = path.join(folder, 'checks.mjs');
  await rig.bundle('packages/backend-winvfp/src/testing/rig/main.ts', program);
  const results = path.join(folder, 'results.jsonl');
  rmSync(results, { force: true });
  const simulator = await rig.startSimulator();
  const assembly = path.join(rig.root, 'packages/backend-winvfp/lib/Signalbox.Hcn.dll');
  const preload = path.join(import.meta.dirname, 'rigs/preload-mono.cjs');
  const args = ['--require', preload, program, edge, assembly, String(simulator.controlPort), results];
  const env = { ...rig.env, LD_LIBRARY_PATH: folder, HNS_SIMULATOR_PORT: String(simulator.port) };
  const ended = await rig.check('the process ends by itself with status 0', () =>
    rig.run(rig.node, args, { env, timeoutSeconds: 120 }),
  );
  await simulator.stop();
  return [...rig.readResults(results), ended];
}

await rig.runRig('rig-a', async () => {
  await rig.ensurePackages('mono', needs);
  mkdirSync(folder, { recursive: true });
  const edge = await installEdge();
  await buildStandIn();
  const assembly = await rig.check('the committed Signalbox.Hcn.dll is what Hcn.cs gives', () =>
    rig.run(rig.node, [path.join(rig.root, 'packages/backend-winvfp/csharp/build.mjs'), '--check']),
  );
  return rig.countChecks([assembly, ...(await runChecks(edge))]);
});
