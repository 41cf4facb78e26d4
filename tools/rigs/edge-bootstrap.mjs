// EdgeJs.dll for the CoreCLR that npm carries (2.2): edge-js's own C# source, compiled by that SDK's Roslyn under Wine.
// The source is written for .NET 8; three mechanical edits make it fit. edge-js's native code stays as it ships.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const RUNTIME = 'shared/Microsoft.NETCore.App/2.2.2';
const COMPILER = 'sdk/2.2.104';

/** `readonly Foo<Bar> x = new(…)`: older compilers want the type named again. */
function spellOutNew(source) {
  const declaration = /(?<=(?:readonly|static) +(?:readonly )?)((?:[\w<>,. ]|\[\])+?) (\w+) = new\(/g;
  return source.replaceAll(
    declaration,
    (_all, type, name) => `${type} ${name} = new ${type.replace('readonly ', '')}(`,
  );
}

function adapt(source) {
  return spellOutNew(source)
    .replaceAll(/using Microsoft\.CodeAnalysis\.CSharp\.Syntax;\r?\n/g, '')
    .replaceAll('RuntimeInformation.RuntimeIdentifier', '"win-x64"');
}

/** Managed assemblies carry a CLI header: data directory 14 of the PE header. */
function isManaged(file) {
  const bytes = readFileSync(file);
  const pe = bytes.readUInt32LE(0x3c);
  const optional = pe + 24;
  const directories = optional + (bytes.readUInt16LE(optional) === 0x20b ? 112 : 96);
  return bytes.readUInt32LE(directories + 14 * 8) !== 0;
}

const depsJson = () => {
  const entry = (dependencies, file) => ({
    ...dependencies,
    ...(file === undefined ? {} : { runtime: { [file]: {} } }),
  });
  const libraries = {
    'bootstrap/1.0.0': entry(
      {
        dependencies: {
          'Edge.js': '9.3.0',
          'Microsoft.Extensions.DependencyModel': '2.1.0',
          'Newtonsoft.Json': '9.0.1',
        },
      },
      'bootstrap.dll',
    ),
    'Edge.js/9.3.0': entry({}, 'EdgeJs.dll'),
    'Microsoft.Extensions.DependencyModel/2.1.0': entry({}, 'Microsoft.Extensions.DependencyModel.dll'),
    'Newtonsoft.Json/9.0.1': entry({}, 'Newtonsoft.Json.dll'),
  };
  const names = Object.keys(libraries);
  return {
    runtimeTarget: { name: '.NETCoreApp,Version=v2.2', signature: '' },
    compilationOptions: {},
    targets: { '.NETCoreApp,Version=v2.2': libraries },
    libraries: Object.fromEntries(
      names.map((name) => [name, { type: 'project', serviceable: false, sha512: '' }]),
    ),
  };
};

/** @param {{sdk: string, edge: string, folder: string, env: object}} places Linux paths; the SDK runs under Wine */
export function buildBootstrap({ sdk, edge, folder, env }) {
  const boot = path.join(folder, 'boot');
  if (existsSync(path.join(boot, 'bootstrap.deps.json'))) return boot;
  const sources = path.join(folder, 'edge-source');
  mkdirSync(boot, { recursive: true });
  mkdirSync(sources, { recursive: true });
  for (const place of ['src/double/Edge.js/dotnetcore', 'src/common']) {
    for (const name of readdirSync(path.join(edge, place)).filter((file) => file.endsWith('.cs'))) {
      writeFileSync(path.join(sources, name), adapt(readFileSync(path.join(edge, place, name), 'utf8')));
    }
  }
  const runtime = path.join(sdk, RUNTIME);
  const assemblies = readdirSync(runtime).map((name) => path.join(runtime, name));
  const references = assemblies.filter((file) => file.endsWith('.dll') && isManaged(file));
  const model = path.join(sdk, COMPILER, 'Microsoft.Extensions.DependencyModel.dll');
  const options = [
    '-nologo',
    '-nostdlib',
    '-unsafe',
    '-langversion:latest',
    '-target:library',
    '-nowarn:1701,1702',
  ];
  // Quoted: the folder of the checkout can have a space.
  const lines = [
    ...options,
    `-out:"Z:${path.join(boot, 'EdgeJs.dll')}"`,
    ...[...references, model].map((file) => `-r:"Z:${file}"`),
    ...readdirSync(sources).map((name) => `"Z:${path.join(sources, name)}"`),
  ];
  const response = path.join(folder, 'edge.rsp');
  writeFileSync(response, lines.join('\n'));
  const compiler = path.join(sdk, COMPILER, 'Roslyn/bincore/csc.dll');
  execFileSync('wine', [path.join(sdk, 'dotnet.exe'), compiler, `@Z:${response}`], { env, stdio: 'ignore' });
  cpSync(path.join(boot, 'EdgeJs.dll'), path.join(boot, 'bootstrap.dll'));
  for (const name of ['Microsoft.Extensions.DependencyModel.dll', 'Newtonsoft.Json.dll']) {
    cpSync(path.join(sdk, COMPILER, name), path.join(boot, name));
  }
  writeFileSync(path.join(boot, 'bootstrap.deps.json'), JSON.stringify(depsJson()));
  return boot;
}
