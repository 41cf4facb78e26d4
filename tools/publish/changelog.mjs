// CHANGELOG.md: `## Unreleased`, then one section for each version, the newest first. Pure.

const UNRELEASED = 'Unreleased';

/** The text below `## NAME` or `## NAME (DATE)`; `null`: there is no such section. */
export function notesOf(changelog, name) {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.split('\n')[0].split(' ')[0] === name);
  return section === undefined ? null : section.slice(section.indexOf('\n')).trim();
}

/** Moves the unreleased changes to a section for the version. Throws if there are none. */
export function releaseChanges(changelog, version, date) {
  const notes = notesOf(changelog, UNRELEASED);
  if (notes === null || notes === '') throw new Error('CHANGELOG.md: no changes under ## Unreleased');
  if (notesOf(changelog, version) !== null) throw new Error(`CHANGELOG.md: ## ${version} exists`);
  return changelog.replace(/^## Unreleased$/m, `## ${UNRELEASED}\n\n## ${version} (${date})`);
}

/** Semantic versioning: the version after `version` for a major, minor or patch step. */
export function nextVersion(version, step) {
  const [major = 0, minor = 0, patch = 0] = version.split('-')[0].split('.').map(Number);
  const steps = {
    major: `${major + 1}.0.0`,
    minor: `${major}.${minor + 1}.0`,
    patch: `${major}.${minor}.${patch + 1}`,
  };
  if (!Object.hasOwn(steps, step)) throw new Error(`${step}: must be major, minor or patch`);
  return steps[step];
}
