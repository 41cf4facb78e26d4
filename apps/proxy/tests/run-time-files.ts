/** Files that the program looks for while it runs: a bundler does not see them, so each has to be packed on purpose. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Ways to find a file or to start a process by the place of the program. */
const LOOKUP =
  /import\.meta\.(?:url|dirname|filename|resolve)|\bcreateRequire\b|\bexecPath\b|\bfork\(|\bnew Worker\b|\b__dirname\b/;

/** Source file → what it finds, below the packed folder. Rig B runs the Windows archive, which alone holds the assembly. */
export const RUN_TIME_FILES: Readonly<Record<string, readonly string[]>> = {
  'apps/proxy/src/commands/windows-service.ts': ['main.js'],
  'apps/proxy/src/connectivity/pod.ts': ['connect-child.js'],
  'apps/proxy/src/main.ts': ['docs/service-semantics.md', 'docs/compatibility.md'],
  'packages/backend-userspace/src/workers/start-thread.ts': ['userspace-worker.js'],
  'packages/backend-winvfp/src/driver/native-layer.ts': [],
  'packages/netlink/src/monitor/monitor-child.ts': ['node_modules/netlink/dist/raw.js'],
  'packages/netlink/src/monitor/route-monitor.ts': ['monitor-child.js'],
  'packages/netlink/src/socket/datagram-socket.ts': [
    'node_modules/netlink/dist/raw.js',
    'node_modules/node-gyp-build/index.js',
  ],
};

/** Private packages, which only tests use. */
const UNSHIPPED = /^packages\/(?:netns|testkit|hns-simulator)\/|\/testing\/|\.test\.ts$/;

export interface RunTimeFiles {
  /** Sources that look for a file. */
  readonly sources: readonly string[];
  /** What the packed folder lacks. */
  readonly missing: readonly string[];
}

export function findRunTimeFiles(packed: string): RunTimeFiles {
  const shipped = globSync(['packages/*/src/**/*.ts', 'apps/proxy/src/**/*.ts'], { cwd: ROOT }).filter(
    (file) => !UNSHIPPED.test(file),
  );
  const sources = shipped.filter((file) => LOOKUP.test(readFileSync(join(ROOT, file), 'utf8')));
  const files = Object.values(RUN_TIME_FILES).flat();
  return { sources: sources.sort(), missing: files.filter((file) => !existsSync(join(packed, file))) };
}
