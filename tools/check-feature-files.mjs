// Every backend that compiles has the same file names for the same features, and one list of the features that its mode does not
// support: the code of session affinity in any mode is found by its name.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const FEATURES = [
  'hairpin',
  'health-check',
  'load-balancing',
  'masquerade',
  'names',
  'no-endpoints',
  'node-ports',
  'service-dispatch',
  'session-affinity',
  'source-ranges',
];

/** Feature → why the mode has it not. A backend without this file has all. */
const LIST = 'unsupported-features.json';

/** What is wrong, one line each, with paths below `root`. */
export function featureFileProblems(root) {
  const packages = path.join(root, 'packages');
  return readdirSync(packages)
    .filter((name) => name.startsWith('backend-'))
    .map((name) => path.join(packages, name, 'src', 'compile'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      problemsIn(folder).map(
        ([file, problem]) => `${path.relative(root, path.join(folder, file))}: ${problem}`,
      ),
    );
}

function problemsIn(folder) {
  const list = path.join(folder, LIST);
  const unsupported = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : {};
  return [
    ...Object.entries(unsupported).flatMap(([feature, reason]) => entryProblems(feature, reason)),
    ...FEATURES.flatMap((feature) => fileProblems(folder, feature, Object.hasOwn(unsupported, feature))),
    ...readdirSync(folder)
      .filter(isMisnamed)
      .map((file) => [file, `rename it: features are ${FEATURES.join(', ')}`]),
  ];
}

function entryProblems(feature, reason) {
  if (!FEATURES.includes(feature)) return [[LIST, `${feature}: not a feature (${FEATURES.join(', ')})`]];
  return typeof reason === 'string' && reason.length > 0 ? [] : [[LIST, `${feature}: give the reason`]];
}

function fileProblems(folder, feature, isUnsupported) {
  const file = `${feature}.ts`;
  const exists = existsSync(path.join(folder, file));
  if (isUnsupported) return exists ? [[file, `is listed in ${LIST}, too`]] : [];
  if (!exists) return [[file, `missing, and not listed in ${LIST}`]];
  const hasCode = /^export (async )?(function|const|type|interface|class) /m.test(
    readFileSync(path.join(folder, file), 'utf8'),
  );
  return hasCode ? [] : [[file, 'exports nothing']];
}

/** `chain-names.ts`, `health-check-vip.ts`: a feature's name with more beside it. */
function isMisnamed(file) {
  const name = file.replace(/\.ts$/, '');
  return (
    file.endsWith('.ts') &&
    !file.endsWith('.test.ts') &&
    FEATURES.some((feature) => name.startsWith(`${feature}-`) || name.endsWith(`-${feature}`))
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = featureFileProblems(path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..'));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
