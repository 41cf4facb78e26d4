/** The C# assembly in this process, through edge-js. Loaded on first use: only a Windows node needs either. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { backendError, type BackendError, fail, type Result, succeed } from '@signalbox/core';

/** The loaded C# assembly that calls HNS and the service control manager. */
export interface NativeLayer {
  /** JSON text in, JSON text out (csharp/Hcn.cs); rejects for a request that cannot be read. */
  readonly invoke: (request: string) => Promise<string>;
}

/** Where the assembly and edge-js are loaded from. */
export interface NativeLayerOptions {
  /** Path of `Signalbox.Hcn.dll`. Default: the one in this package, or beside the program's bundle. */
  readonly assembly?: string;
  /** What to load edge-js from: a module name or a path. Default `edge-js`. */
  readonly edgeModule?: string;
}

interface Edge {
  func(options: {
    readonly assemblyFile: string;
    readonly typeName: string;
    readonly methodName: string;
  }): (input: string, done: (error: Error | null, output: unknown) => void) => void;
}

const ASSEMBLY = 'Signalbox.Hcn.dll';
/** From `src/driver/`, from `dist/`, and beside a bundle. */
const PLACES = [`../../lib/${ASSEMBLY}`, `../lib/${ASSEMBLY}`, `./${ASSEMBLY}`, `./lib/${ASSEMBLY}`];

/** The layer, or why there is none and what to do about it. */
export function loadNativeLayer(options: NativeLayerOptions = {}): Result<NativeLayer> {
  if (!isMainThread) return failed('must be loaded in the main thread: in a worker it ends the process', '');
  const assembly = options.assembly ?? findAssembly();
  if (assembly === null || !existsSync(assembly)) {
    return failed(`${assembly ?? ASSEMBLY} is missing: the installation is incomplete`, '');
  }
  try {
    const edge = createRequire(import.meta.url)(options.edgeModule ?? 'edge-js') as Edge;
    const call = edge.func({
      assemblyFile: assembly,
      typeName: 'Signalbox.Hcn.Startup',
      methodName: 'Invoke',
    });
    return succeed({ invoke: (request) => promised(call, request) });
  } catch (error) {
    return failed(adviceFor(error), error instanceof Error ? error.message : String(error));
  }
}

function findAssembly(): string | null {
  const paths = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return paths.find((path) => existsSync(path)) ?? null;
}

function promised(call: ReturnType<Edge['func']>, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    call(request, (error, output) => {
      if (error === null || error === undefined) resolve(String(output));
      else reject(error);
    });
  });
}

function adviceFor(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/cannot find (module|package) '?edge-js/i.test(text)) {
    return 'edge-js is not installed: use the Windows bundle of a release (docs/windows.md), or npm install edge-js@26.1.0';
  }
  if (/not pre-compiled for your environment/i.test(text)) {
    return `edge-js has no binary for Node ${process.versions.node}: use Node 22 or 24, as the Windows bundle does`;
  }
  if (/specified module could not be found/i.test(text)) {
    return 'the VC++ runtime is missing: its DLLs belong beside the edge-js binary (the Windows bundle has them)';
  }
  return 'the .NET layer did not start';
}

function failed(message: string, detail: string): ReturnType<typeof fail<BackendError>> {
  const more = detail === '' ? {} : { detail };
  return fail(backendError('unavailable', 'edge-js', message, { kernel: 'unchanged', ...more }));
}
