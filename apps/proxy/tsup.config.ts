import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { defineConfig, type Options } from 'tsup';

/** Elsewhere for tests, so that they do not replace a built program that is in use. */
const outDir = process.env['SIGNALBOX_OUT_DIR'] ?? 'dist';

/** Modules that one command or one flag loads stay out of the file that every node reads at start. */
const ON_DEMAND: Readonly<Record<string, string>> = {
  'kubernetes-client': 'cluster-client',
  'otlp-exporter': 'trace-exporter',
};

const loadedOnDemand: NonNullable<Options['esbuildPlugins']> = [
  {
    name: 'loaded-on-demand',
    setup: (build) => {
      for (const [module, chunk] of Object.entries(ON_DEMAND)) {
        build.onResolve({ filter: new RegExp(String.raw`/${module}\.ts$`) }, ({ kind }) =>
          kind === 'dynamic-import' ? { path: `./${chunk}.js`, external: true } : null,
        );
      }
    },
  },
];

/**
 * `import` of node:http reads every property of the module, and reading `WebSocket` and its like loads the whole of Node.js's fetch:
 * 30 ms of CPU and 5 MB in each process. `require` reads none.
 */
const httpByRequire: NonNullable<Options['esbuildPlugins']>[number] = {
  name: 'http-by-require',
  setup: (build) => {
    build.onResolve({ filter: /^node:http$/ }, ({ kind, path }) =>
      kind === 'import-statement' ? { path, namespace: 'by-require' } : { path, external: true },
    );
    build.onLoad({ filter: /.*/, namespace: 'by-require' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

/**
 * One file, runnable from a folder that holds nothing else, and beside it what is found at run time: the client of
 * `signalbox cluster`, the exporter of traces, the programs of the child processes of the route monitor and of `signalbox test`, that of the worker threads of userspace mode, and the netlink
 * socket and its loader, since native addons cannot be inlined.
 */
const config: ReturnType<typeof defineConfig> = defineConfig({
  entry: {
    main: 'src/main.ts',
    'cluster-client': 'src/cluster/kubernetes-client.ts',
    'trace-exporter': 'src/tracing/otlp-exporter.ts',
    'monitor-child': '../../packages/netlink/src/monitor/monitor-child.ts',
    'connect-child': 'src/connectivity/connect-child.ts',
    'userspace-worker': '../../packages/backend-userspace/src/workers/userspace-worker.ts',
  },
  esbuildPlugins: [...loadedOnDemand, httpByRequire],
  outDir,
  format: ['esm'],
  target: 'node22',
  platform: 'node',
  removeNodeProtocol: false,
  clean: true,
  dts: false,
  metafile: true,
  minify: true,
  splitting: false,
  silent: true,
  noExternal: [/.*/],
  esbuildOptions: (options) => {
    options.conditions = ['signalbox-source'];
    options.legalComments = 'none';
  },
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  onSuccess: () => {
    checkCharacters(join(outDir, 'main.js'));
    copyAddon();
    listPackages();
    for (const name of ['service-semantics.md', 'compatibility.md'])
      cpSync(join('../../docs', name), join(outDir, 'docs', name));
    // Spares Node.js the attempt to read the file as CommonJS first.
    writeFileSync(join(outDir, 'package.json'), '{ "type": "module" }\n');
    // From the table of commands and flags that was just built.
    const manual = execFileSync(process.execPath, [join(outDir, 'main.js'), 'help', '-o', 'man']);
    writeFileSync(join(outDir, 'signalbox.8'), manual);
    return Promise.resolve();
  },
});
export default config;

/** V8 keeps a source with a character beyond Latin-1 in two bytes a character. esbuild escapes those of strings only. */
function checkCharacters(file: string): void {
  const [found] = /[\u0100-\uffff]/.exec(readFileSync(file, 'utf8')) ?? [];
  if (found !== undefined) throw new Error(`${file}: write ${found} as an escape`);
}

function copyAddon(): void {
  const require = createRequire(import.meta.url);
  const netlink = dirname(require.resolve('netlink/package.json'));
  const loader = dirname(createRequire(join(netlink, 'package.json')).resolve('node-gyp-build/package.json'));
  copy(netlink, 'netlink', ['package.json', 'LICENSE', 'dist/raw.js', 'prebuilds']);
  copy(loader, 'node-gyp-build', ['package.json', 'LICENSE', 'index.js', 'node-gyp-build.js']);
}

function copy(from: string, name: string, files: readonly string[]): void {
  for (const file of files) {
    const to = join(outDir, 'node_modules', name, file);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(from, file), to, { recursive: true });
  }
}

interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

/** `packages.json`: name and version of every package of npm that the files contain, for the bill of materials. */
function listPackages(): void {
  const file = join(outDir, 'metafile-esm.json');
  const { outputs } = JSON.parse(readFileSync(file, 'utf8')) as Metafile;
  rmSync(file);
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const files = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([name]) => name);
  // Up to the name after the last `node_modules`: a package can contain another version of its dependency.
  const folders = files.map((name) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(name)?.[0]);
  const addon = ['netlink', 'node-gyp-build'].map((name) => join(outDir, 'node_modules', name));
  const packages = [...addon, ...folders.filter((folder) => folder !== undefined)].map((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Readonly<
      Record<string, string>
    >;
    return `${manifest['name'] ?? ''}@${manifest['version'] ?? ''}`;
  });
  const sorted = [...new Set(packages)].toSorted();
  writeFileSync(join(outDir, 'packages.json'), `${JSON.stringify(sorted, null, 2)}\n`);
}
