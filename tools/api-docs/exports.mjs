// Part of the lint suite: every export of the published packages has a description, as typedoc reads it. The documentation
// itself is not written: editors and the registries show the declarations.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Application, Logger, LogLevel, ReflectionKind } from 'typedoc';
import { repositoryRoot } from '../install.mjs';
import { publishedFolders } from '../publish/tarballs.mjs';

/** What has no kind of its own here has no description in TypeScript either: a signature stands for its function or method. */
const DESCRIBED = [
  'Enum',
  'EnumMember',
  'Variable',
  'Function',
  'Class',
  'Interface',
  'TypeAlias',
  'Method',
  'Accessor',
];
/**
 * A property is described by its name, its type, and the text of the interface. Where callers fill in the properties, each has
 * its own: the default and the unit are in no type.
 */
const FILLED_IN = /(?:Options|Settings|Config)$/;

const readManifest = (folder) => JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));

/** Source files of a package's public entries. */
function entriesOf(folder) {
  const sources = Object.values(readManifest(folder).exports).map((entry) => entry['signalbox-source']);
  return sources.filter((source) => source !== undefined).map((source) => path.join(folder, source));
}

function undescribedOptions(project) {
  return project
    .getReflectionsByKind(ReflectionKind.Property)
    .filter((property) => FILLED_IN.test(property.parent.name) && !property.hasComment())
    .map((property) => `${property.getFriendlyFullName()} has no description`);
}

/** One line for each fault in the descriptions of the entries of `folders`. */
export async function descriptionProblems(folders, tsconfig) {
  const problems = [];
  const app = await Application.bootstrap({
    entryPoints: folders.flatMap(entriesOf),
    packagesRequiringDocumentation: folders.map((folder) => readManifest(folder).name),
    requiredToBeDocumented: DESCRIBED,
    tsconfig,
    readme: 'none',
    disableSources: true, // they would name a remote of git, which a checkout need not have
    skipErrorChecking: true, // a suite of its own, with the compiler of the project; 7 s of 24 remain
    validation: { notDocumented: true, invalidLink: true, notExported: true },
  });
  app.logger = Object.assign(new Logger(), {
    log: (message, level) => {
      if (level >= LogLevel.Warn) problems.push(message);
    },
  });
  const project = await app.convert();
  if (project === undefined) return [...problems, 'typedoc could not read the sources'];
  app.validate(project);
  return [...problems, ...undescribedOptions(project)];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const libraries = publishedFolders().filter((folder) => entriesOf(folder).length > 0);
  const tsconfig = path.join(repositoryRoot, 'tools/api-docs/tsconfig.json');
  const problems = await descriptionProblems(libraries, tsconfig);
  process.stderr.write(problems.map((problem) => `${problem}\n`).join(''));
  process.exitCode = problems.length === 0 ? 0 : 1;
}
