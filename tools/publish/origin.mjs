// Who publishes, and from where. The only place of both is package.json of the root: `author` and `repository`.
import { notesOf } from './changelog.mjs';

/** `https://HOST/OWNER/NAME` */
export function repositoryUrl({ repository }) {
  return repository.url.replace(/^git\+/, '').replace(/\.git$/, '');
}

/** RFC 6761: no name ends with it. */
const PLACEHOLDER = /\.invalid\b/;

function placeholders({ author, repository }) {
  const fields = { author, 'repository.url': repository.url };
  return Object.entries(fields)
    .filter(([, value]) => PLACEHOLDER.test(value))
    .map(
      ([name, value]) =>
        `package.json: ${name}: ${value} is a placeholder: a release needs the public address`,
    );
}

/** npm compares the repository of a package with the one that its provenance names. */
function wrongRepository(manifest, { GITHUB_SERVER_URL = 'https://github.com', GITHUB_REPOSITORY }) {
  const wanted = `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;
  const url = repositoryUrl(manifest);
  if (GITHUB_REPOSITORY === undefined || url === wanted) return [];
  return [`package.json: repository.url: ${url} is not the repository of this workflow, ${wanted}`];
}

/** What prevents a release of `manifest`, the root's package.json, from this tag: one line each. Pure. */
export function releaseProblems({ manifest, changelog, tag, env }) {
  const { version } = manifest;
  return [
    ...(tag === `v${version}` ? [] : [`the tag ${tag} is not of version ${version} (v${version})`]),
    ...(notesOf(changelog, version) === null ? [`CHANGELOG.md: ## ${version}: required`] : []),
    ...placeholders(manifest),
    ...wrongRepository(manifest, env),
  ];
}
