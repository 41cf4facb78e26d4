// The image as an OCI layout, without a daemon: `node tools/publish/image.mjs FOLDER`, after `npm run build`.
// `node tools/publish/image.mjs lock` writes the newest versions of the Debian packages to deploy/image.
//
// index.json has one entry, an index named by the version: for each architecture the image, and its bill of materials as an
// attestation in the form of BuildKit, which registries and scanners support.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { lockPackages } from './image-debian.mjs';
import { buildRoot } from './image-root.mjs';
import { repositoryUrl } from './origin.mjs';
import { describedByNpm, imageBom } from './sbom.mjs';
import { readJson } from './stage.mjs';

const digestOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The same bytes for the same files: fixed modification time, owner and order, no host names. */
async function tarOf(root) {
  const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-layer-'));
  const file = path.join(folder, 'layer.tar');
  const same = [
    '--sort=name',
    '--mtime=@0',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--format=gnu',
    '--mode=u+rw,go=rX',
  ];
  try {
    const args = [...same, '-cf', file, '-C', root, '.'];
    await mustRun('tar', args);
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const readManifest = () => readJson(path.join(repositoryRoot, 'package.json'));

function configOf(layer, architecture) {
  const manifest = readManifest();
  const { version, license } = manifest;
  const label = (name, value) => [`org.opencontainers.image.${name}`, value];
  return {
    created: '1970-01-01T00:00:00Z',
    architecture,
    os: 'linux',
    config: {
      Entrypoint: ['/usr/local/bin/signalbox'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'NODE_ENV=production'],
      Labels: Object.fromEntries([
        label('title', 'signalbox'),
        label('version', version),
        label('licenses', license),
        label('source', repositoryUrl(manifest)),
      ]),
    },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'tools/publish/image.mjs' }],
  };
}

const OCI = 'application/vnd.oci.image';
const BOM_TYPE = 'https://cyclonedx.org/bom';

const json = (value) => Buffer.from(JSON.stringify(value));

/** Writes a blob; returns its descriptor. */
function createBlobWriter(folder) {
  const blobs = path.join(folder, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  return (mediaType, bytes) => {
    const digest = digestOf(bytes);
    writeFileSync(path.join(blobs, digest.slice('sha256:'.length)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
}

function writeManifest(blob, config, layers) {
  const mediaType = `${OCI}.manifest.v1+json`;
  const configBlob = blob(`${OCI}.config.v1+json`, json(config));
  return blob(mediaType, json({ schemaVersion: 2, mediaType, config: configBlob, layers }));
}

/** An in-toto statement about the image: its subject is the digest of the image's manifest. */
function writeAttestation(blob, subject, bom) {
  const sha256 = subject.digest.slice('sha256:'.length);
  const statement = json({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: BOM_TYPE,
    subject: [{ name: 'signalbox', digest: { sha256 } }],
    predicate: bom,
  });
  const layer = {
    ...blob('application/vnd.in-toto+json', statement),
    annotations: { 'in-toto.io/predicate-type': BOM_TYPE },
  };
  const platform = { architecture: 'unknown', os: 'unknown' };
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  return {
    ...writeManifest(blob, { ...platform, config: {}, rootfs }, [layer]),
    platform,
    annotations: {
      'vnd.docker.reference.digest': subject.digest,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
  };
}

/**
 * Writes blobs, index and oci-layout to the folder.
 * @param {string} folder
 * @param {readonly {architecture: string, layer: Buffer, bom: object}[]} images
 * @returns {{digest: string, sizes: Record<string, number>}} digest of the index; architecture → compressed size of the image
 */
export function writeLayout(folder, images) {
  const blob = createBlobWriter(folder);
  const sizes = {};
  const manifests = images.map(({ architecture, layer }) => {
    const compressed = blob(`${OCI}.layer.v1.tar+gzip`, gzipSync(layer, { level: 9 }));
    const manifest = writeManifest(blob, configOf(layer, architecture), [compressed]);
    sizes[architecture] = compressed.size + manifest.size;
    return { ...manifest, platform: { architecture, os: 'linux' } };
  });
  const attestations = images.map(({ bom }, index) => writeAttestation(blob, manifests[index], bom));
  const mediaType = `${OCI}.index.v1+json`;
  const index = blob(
    mediaType,
    json({ schemaVersion: 2, mediaType, manifests: [...manifests, ...attestations] }),
  );
  const annotations = { 'org.opencontainers.image.ref.name': readManifest().version };
  const layout = { schemaVersion: 2, mediaType, manifests: [{ ...index, annotations }] };
  writeFileSync(path.join(folder, 'index.json'), json(layout));
  writeFileSync(path.join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return { digest: index.digest, sizes };
}

/** Layer and bill of materials of one architecture. `npm`: of `describedByNpm`. */
export async function buildImage(root, architecture, npm) {
  await buildRoot(root, architecture);
  return { architecture, layer: await tarOf(root), bom: imageBom(npm, architecture) };
}

async function main(target) {
  const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-root-'));
  try {
    const npm = await describedByNpm();
    const images = [];
    for (const architecture of ['amd64', 'arm64']) {
      const root = path.join(scratch, architecture);
      mkdirSync(root);
      images.push(await buildImage(root, architecture, npm));
    }
    const { digest, sizes } = writeLayout(target, images);
    const list = Object.entries(sizes).map(([name, bytes]) => `${name} ${(bytes / 1e6).toFixed(1)} MB`);
    process.stdout.write(`${target}: ${digest}, ${list.join(', ')}\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [target] = process.argv.slice(2);
  if (target === undefined) throw new Error('usage: node tools/publish/image.mjs FOLDER');
  await (target === 'lock' ? lockPackages() : main(target));
}
