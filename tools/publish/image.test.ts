/** The OCI layout: what tools that copy images, and registries, read. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../install.mjs';
import { writeLayout } from './image.mjs';
import { LINKS } from './image-root.mjs';
import { readJson } from './stage.mjs';

const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-layout-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: string };
  readonly annotations?: Readonly<Record<string, string>>;
}
interface Manifest {
  readonly config: Descriptor;
  readonly layers: readonly [Descriptor];
}

const images = ['amd64', 'arm64'].map((architecture) => ({
  architecture,
  layer: Buffer.from(`files for ${architecture}`),
  bom: { bomFormat: 'CycloneDX', name: architecture },
}));
const { digest, sizes } = writeLayout(scratch, images) as {
  readonly digest: string;
  readonly sizes: Readonly<Record<string, number>>;
};

/** The blob of a descriptor, with its digest and size verified. */
function blobOf(descriptor: Descriptor): Buffer {
  const bytes = readFileSync(path.join(scratch, 'blobs', descriptor.digest.replace(':', '/')));
  expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(descriptor.digest);
  expect(bytes.length).toBe(descriptor.size);
  return bytes;
}
const jsonOf = (descriptor: Descriptor): unknown => JSON.parse(blobOf(descriptor).toString());

const layout = readJson(path.join(scratch, 'index.json')) as { readonly manifests: readonly [Descriptor] };
const { manifests } = jsonOf(layout.manifests[0]) as { readonly manifests: readonly Descriptor[] };
const imagesOfIndex = manifests.filter(({ platform }) => platform?.os === 'linux');

const root = readJson(path.join(repositoryRoot, 'package.json')) as {
  readonly version: string;
  readonly license: string;
  readonly repository: { readonly url: string };
};
const LABELS = {
  'org.opencontainers.image.title': 'signalbox',
  'org.opencontainers.image.version': root.version,
  'org.opencontainers.image.licenses': root.license,
  'org.opencontainers.image.source': root.repository.url.replaceAll(/^git\+|\.git$/g, ''),
};

describe('the OCI layout', () => {
  it('has one entry, an index with the name of the version', () => {
    expect(layout.manifests).toHaveLength(1);
    expect(layout.manifests[0]).toMatchObject({
      digest,
      annotations: { 'org.opencontainers.image.ref.name': root.version },
    });
  });

  it('has one image for each architecture, whose layer is the one that was given', () => {
    expect(imagesOfIndex.map(({ platform }) => platform?.architecture)).toEqual(['amd64', 'arm64']);
    for (const [index, descriptor] of imagesOfIndex.entries()) {
      const { config, layers } = jsonOf(descriptor) as Manifest;
      const layer = gunzipSync(blobOf(layers[0]));
      expect(layer).toEqual(images[index]?.layer);
      const diffId = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
      const architecture = images[index]?.architecture ?? '';
      expect(jsonOf(config)).toMatchObject({
        architecture,
        os: 'linux',
        rootfs: { type: 'layers', diff_ids: [diffId] },
        config: { Entrypoint: ['/usr/local/bin/signalbox'], Labels: LABELS },
      });
      expect(sizes[architecture]).toBe(layers[0].size + descriptor.size);
    }
  });

  it('has the bill of materials of each image as an attestation that names the image', () => {
    const attestations = manifests.filter(({ platform }) => platform?.os === 'unknown');
    expect(attestations).toHaveLength(images.length);
    for (const [index, descriptor] of attestations.entries()) {
      const subject = imagesOfIndex[index]?.digest ?? '';
      expect(descriptor.annotations).toEqual({
        'vnd.docker.reference.digest': subject,
        'vnd.docker.reference.type': 'attestation-manifest',
      });
      const { layers } = jsonOf(descriptor) as Manifest;
      expect(layers[0].annotations).toEqual({ 'in-toto.io/predicate-type': 'https://cyclonedx.org/bom' });
      expect(jsonOf(layers[0])).toEqual({
        _type: 'https://in-toto.io/Statement/v0.1',
        predicateType: 'https://cyclonedx.org/bom',
        subject: [{ name: 'signalbox', digest: { sha256: subject.replace('sha256:', '') } }],
        predicate: images[index]?.bom,
      });
    }
  });
});

describe('the Dockerfile', () => {
  const instructions = readFileSync(path.join(repositoryRoot, 'Dockerfile'), 'utf8').replaceAll('\\\n', ' ');

  it('creates the links of the layout: the variant of iptables is chosen by the same script', () => {
    const [, script = ''] = /^RUN (for tool in .*)$/m.exec(instructions) ?? [];
    expect(instructions).toContain('deploy/image/iptables-by-node.sh /usr/sbin/iptables-by-node\n');
    const root = path.join(scratch, 'docker');
    for (const name of ['usr/sbin', 'usr/local/bin']) mkdirSync(path.join(root, name), { recursive: true });
    execFileSync('sh', ['-ec', script.replaceAll('/usr/', `${root}/usr/`)]);
    const created = globSync('usr/**/*', { cwd: root, withFileTypes: true })
      .filter((entry) => entry.isSymbolicLink())
      .map((entry) => path.join(entry.parentPath, entry.name));
    expect(created.map((file) => path.relative(root, file)).toSorted()).toEqual(
      Object.keys(LINKS).toSorted(),
    );
    const tools = created.filter((file) => file.includes('/sbin/'));
    expect(new Set(tools.map((file) => readlinkSync(file)))).toEqual(new Set(['iptables-by-node']));
  });

  it('installs the tools of the layout', () => {
    const [, installed = ''] = /apt-get install -y --no-install-recommends (.*?) &&/.exec(instructions) ?? [];
    for (const name of ['conntrack', 'ipset', 'iptables', 'ipvsadm', 'kmod', 'nftables'])
      expect(installed.split(' ')).toContain(name);
  });
});
