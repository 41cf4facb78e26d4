// The version of the project is `version` of the root's package.json. Here: every other place that repeats it, except the
// lockfile, which npm writes and compares.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const VERSION = String.raw`(\d+\.\d+\.\d+(?:-[\w.]+)?)`;

/** Which files, and what comes before a version in them; each match is one place. */
const PLACES = [
  { file: /^(?:packages|apps|tools)\/[\w-]+\/package\.json$/, before: String.raw`^  "version": "` },
  { file: /^(?:packages|apps)\/[\w-]+\/package\.json$/, before: String.raw`^    "@signalbox/[\w-]+": "` },
  { file: /^deploy\/.*\.yaml$/, before: String.raw`\bnewTag: ` },
  { file: /^deploy\/.*\.yaml$/, before: String.raw`\bimage: signalbox(?:-\w+)?:` },
  { file: /^deploy\/helm\/[\w-]+\/Chart\.yaml$/, before: String.raw`^version: ` },
  { file: /^deploy\/helm\/[\w-]+\/Chart\.yaml$/, before: String.raw`^appVersion: ` },
  { file: /^(?:docs|deploy)\/.*\.md$|^README\.md$/, before: String.raw`\bsignalbox(?:-\w+)?:v?` },
  { file: /^apps\/proxy\/src\/version\/version\.ts$/, before: String.raw`SIGNALBOX_VERSION = '` },
];

const SKIPPED = new Set(['node_modules', 'dist', '.git', '.nx', '.cache']);

function filesOf(root, folder = '') {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(folder, entry.name);
    if (SKIPPED.has(entry.name)) return [];
    return entry.isDirectory() ? filesOf(root, name) : [name];
  });
}

/** Files with such a place. `replace(visit)` returns the text with each version replaced by the result of `visit(version)`. */
function placesIn(root) {
  return filesOf(root).flatMap((file) => {
    const patterns = PLACES.filter((place) => place.file.test(file)).map(
      ({ before }) => new RegExp(`(${before})${VERSION}`, 'gm'),
    );
    if (patterns.length === 0) return [];
    const text = readFileSync(path.join(root, file), 'utf8');
    const replace = (visit) =>
      patterns.reduce(
        (done, pattern) => done.replaceAll(pattern, (_, before, found) => before + visit(found)),
        text,
      );
    return [{ file, text, replace }];
  });
}

/** One line for each place with a version other than `version`, and for each kind of place that no longer exists. */
export function versionProblems(root, version) {
  const found = placesIn(root).flatMap(({ file, replace }) => {
    const versions = [];
    replace((each) => versions.push(each));
    return versions.map((each) => ({ file, version: each }));
  });
  const wrong = found
    .filter((place) => place.version !== version)
    .map((place) => `${place.file}: version ${place.version} (package.json: ${version})`);
  const required = PLACES.filter(({ file }) => !file.test('README.md'));
  const absent = required.filter(({ file }) => !found.some((place) => file.test(place.file)));
  return [...wrong, ...absent.map(({ before }) => `no file has a version after ${before}`)];
}

export function writeVersion(root, version) {
  for (const { file, text, replace } of placesIn(root)) {
    const next = replace(() => version);
    if (next !== text) writeFileSync(path.join(root, file), next);
  }
}
