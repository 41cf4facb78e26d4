// Somebody who looks for "session affinity in mode X" finds it in ten seconds: every backend that compiles has the
// same files for the same features.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const features = [
  'load-balancing.ts',
  'masquerade.ts',
  'no-endpoints.ts',
  'node-ports.ts',
  'service-dispatch.ts',
  'session-affinity.ts',
  'source-ranges.ts',
];

/** One of these: not every mode has chains. */
const names = ['names.ts', 'chain-names.ts'];

/** What is missing, as paths below `root`. */
export function missingFeatureFiles(root) {
  const packages = path.join(root, 'packages');
  const folders = readdirSync(packages)
    .filter((name) => name.startsWith('backend-'))
    .map((name) => path.join(packages, name, 'src', 'compile'))
    .filter((folder) => existsSync(folder));
  const wanted = folders.flatMap((folder) => features.map((feature) => path.join(folder, feature)));
  const nameless = folders.filter((folder) => !names.some((name) => existsSync(path.join(folder, name))));
  const missing = [
    ...wanted.filter((file) => !existsSync(file)),
    ...nameless.map((folder) => path.join(folder, names[0])),
  ];
  return missing.map((file) => path.relative(root, file));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
  const missing = missingFeatureFiles(root);
  for (const file of missing) process.stderr.write(`missing: ${file}\n`);
  process.exitCode = missing.length === 0 ? 0 : 1;
}
