// The image as an OCI layout, without a daemon: `node tools/publish/image.mjs FOLDER`, after `npm run build`.
// `node tools/publish/image.mjs lock` writes the newest versions of the Debian packages to deploy/image.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { repositoryRoot } from '../install.mjs';
import { mustRun } from '../process.mjs';
import { buildRoot, lockPackages } from './image-root.mjs';
import { readJson } from './stage.mjs';

const digestOf = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The same bytes for the same files: fixed modification time, owner and order, no host names. */
export async function tarOf(root) {
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

function configOf(layer) {
  const { version, license } = readJson(path.join(repositoryRoot, 'package.json'));
  const label = (name, value) => [`org.opencontainers.image.${name}`, value];
  return {
    created: '1970-01-01T00:00:00Z',
    architecture: 'amd64',
    os: 'linux',
    config: {
      Entrypoint: ['/usr/local/bin/signalbox'],
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'NODE_ENV=production'],
      Labels: Object.fromEntries([
        label('title', 'signalbox'),
        label('version', version),
        label('licenses', license),
      ]),
    },
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'tools/publish/image.mjs' }],
  };
}

const OCI = 'application/vnd.oci.image';

/** Writes blobs, index and oci-layout to the folder. Returns the digest of the manifest and the size of its blobs. */
export function writeLayout(folder, layer) {
  const blobs = path.join(folder, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const blob = (mediaType, bytes) => {
    const digest = digestOf(bytes);
    writeFileSync(path.join(blobs, digest.slice('sha256:'.length)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = (value) => Buffer.from(JSON.stringify(value));
  const config = blob(`${OCI}.config.v1+json`, json(configOf(layer)));
  const layers = [blob(`${OCI}.layer.v1.tar+gzip`, gzipSync(layer, { level: 9 }))];
  const mediaType = `${OCI}.manifest.v1+json`;
  const manifest = blob(mediaType, json({ schemaVersion: 2, mediaType, config, layers }));
  const platform = { architecture: 'amd64', os: 'linux' };
  const index = {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests: [{ ...manifest, platform }],
  };
  writeFileSync(path.join(folder, 'index.json'), json(index));
  writeFileSync(path.join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return { digest: manifest.digest, bytes: layers[0].size + config.size + manifest.size };
}

async function main(target) {
  const root = mkdtempSync(path.join(tmpdir(), 'signalbox-root-'));
  try {
    await buildRoot(root);
    const { digest, bytes } = writeLayout(target, await tarOf(root));
    process.stdout.write(`${target}: ${digest}, ${(bytes / 1e6).toFixed(1)} MB\n`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [target] = process.argv.slice(2);
  if (target === undefined) throw new Error('usage: node tools/publish/image.mjs FOLDER');
  await (target === 'lock' ? lockPackages() : main(target));
}
