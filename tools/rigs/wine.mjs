// Wine in a prefix of this rig's own.
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as rig from './rig.mjs';

export const folder = path.join(rig.root, '.cache/rig-b');
export const prefix = path.join(folder, 'prefix');

export const wineEnv = {
  ...rig.env,
  WINEPREFIX: prefix,
  WINEARCH: 'win64',
  WINEDEBUG: '-all',
  DISPLAY: '',
  DOTNET_SYSTEM_GLOBALIZATION_INVARIANT: '1',
};

export const windows = (file) => `Z:${file.replaceAll('/', '\\')}`;

/** Node under Wine writes to files only: a pipe is a bad descriptor to it. */
export function wine(args, { env = {}, output = path.join(folder, 'output.txt'), timeout = 180_000 } = {}) {
  const file = openSync(output, 'w');
  try {
    execFileSync('wine', args, { env: { ...wineEnv, ...env }, stdio: ['ignore', file, file], timeout });
  } catch (error) {
    const said = readFileSync(output, 'utf8').slice(-2000);
    throw new Error(`wine ${args.join(' ')}: ${error.message}\n${said}`, { cause: error });
  } finally {
    closeSync(file);
  }
  return readFileSync(output, 'utf8');
}

export function createPrefix() {
  if (existsSync(path.join(prefix, 'system.reg'))) return;
  try {
    execFileSync('wine', ['wineboot', '-i'], { env: wineEnv, stdio: 'ignore', timeout: 120_000 });
    // Node.js refuses the version of Windows that Wine reports by default.
    execFileSync('wine', ['winecfg', '-v', 'win10'], { env: wineEnv, stdio: 'ignore', timeout: 60_000 });
  } catch (error) {
    rmSync(prefix, { recursive: true, force: true });
    throw new rig.Skip(`Wine cannot make a prefix here: ${error.message.split('\n')[0]}`);
  }
}

/**
 * The environment of a service of Wine comes from the registry, which has precedence over the environment that a process is
 * started with: no variable may stay in it.
 */
const ENVIRONMENT = 'HKLM\\System\\CurrentControlSet\\Control\\Session Manager\\Environment';
const SERVICE_VARIABLES = ['EDGE_USE_CORECLR', 'EDGE_BOOTSTRAP_DIR', 'HNS_SIMULATOR_PORT'];

export function endProcesses() {
  // This prefix's alone. It writes the registry as it ends: the next one must not read before that.
  for (const order of ['-k', '-w']) execFileSync('wineserver', [order], { env: wineEnv, stdio: 'ignore' });
}

export function setServiceEnvironment(variables) {
  for (const [name, value] of Object.entries(variables)) {
    wine(['reg', 'add', ENVIRONMENT, '/v', name, '/t', 'REG_EXPAND_SZ', '/d', value, '/f']);
  }
  endProcesses();
}

export function clearServiceEnvironment() {
  const held = wine(['reg', 'query', ENVIRONMENT]);
  for (const name of SERVICE_VARIABLES.filter((variable) => held.includes(variable))) {
    wine(['reg', 'delete', ENVIRONMENT, '/v', name, '/f']);
  }
  endProcesses();
}
