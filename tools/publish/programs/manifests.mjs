// Objects from a file, and a problem with its line.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createManifestSource, parseManifest } from '@signalbox/manifests';

const text = `apiVersion: v1
kind: Service
metadata: { namespace: shop, name: web }
spec: { clusterIP: 10.96.0.10, ports: [{ port: 80 }] }
`;
assert.deepEqual(parseManifest('shop.yaml', text).problems, []);
const [problem] = parseManifest('shop.yaml', text.replace('clusterIP', 'clusterIp')).problems;
assert.equal(problem.code, 'unknown-field');
const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-program-'));
writeFileSync(path.join(folder, 'shop.yaml'), text);
const source = createManifestSource({ path: folder });
const names = [];
await new Promise((resolve) => {
  source.start({
    onEvents: (events) => names.push(...events.map(({ object }) => object?.metadata.name)),
    onSynced: (resource) => resource === 'Service' && resolve(),
    onProblem: () => {},
  });
});
await source.stop();
rmSync(folder, { recursive: true });
assert.deepEqual(names, ['web']);
