// A PATH that holds a suite's declared commands and nothing else: a command that is used but not declared in
// host-packages.mjs fails on every machine, not only on a new one.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensureHostPackages, findProgram, hostPackages } from './host-packages.mjs';

/**
 * Links under the commands' own names: iptables, mono and others decide by their name what they do. The folder is
 * called sbin, as a sign for the programs that add the system's sbin folders to a PATH that has none.
 */
export function linkCommands(names, searchPath) {
  const root = mkdtempSync(path.join(tmpdir(), 'signalbox-commands-'));
  const folder = path.join(root, 'sbin');
  chmodSync(root, 0o755); // some tests continue as another user
  mkdirSync(folder);
  for (const name of names.filter((each) => !path.isAbsolute(each))) {
    const program = findProgram(name, searchPath);
    if (program !== undefined) symlinkSync(program, path.join(folder, name));
  }
  return { folder, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** Every suite runs Node and may ask npm; both are there wherever the suites run. */
const ALWAYS = ['node', 'npm'];

/**
 * Installs what the suite declares, then runs `act` with a context whose PATH holds that alone.
 * @returns what `act` returns, or `{reason}`: why the suite cannot run here
 */
export async function withDeclaredCommands(suite, context, act) {
  const reason = await ensureHostPackages(suite, context.env);
  if (reason !== null) return { reason };
  if (process.platform !== 'linux') return act(context);
  const names = [...ALWAYS, ...Object.keys(hostPackages[suite])];
  const { folder, remove } = linkCommands(names, context.env.PATH);
  try {
    return await act({ ...context, env: { ...context.env, PATH: folder } });
  } finally {
    remove();
  }
}
