/** One version in the whole repository, the changelog, and the workflow that publishes. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../install.mjs';
import { nextVersion, notesOf, releaseChanges } from './changelog.mjs';
import { releaseProblems } from './origin.mjs';
import { readJson } from './stage.mjs';
import { versionProblems, writeVersion } from './version-places.mjs';

const { version, scripts } = readJson(path.join(repositoryRoot, 'package.json')) as {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
};

describe('the version', () => {
  const held = { folder: '' };
  afterEach(() => rmSync(held.folder, { recursive: true, force: true }));

  /** The files of the repository that can have a version. */
  function copyRepository(): string {
    held.folder = mkdtempSync(path.join(tmpdir(), 'signalbox-version-'));
    const patterns = [
      '{packages,apps}/*/package.json',
      'deploy/**/*.yaml',
      'apps/proxy/src/version/*.ts',
      '*.md',
    ];
    for (const file of globSync(patterns, { cwd: repositoryRoot })) {
      cpSync(path.join(repositoryRoot, file), path.join(held.folder, file));
    }
    return held.folder;
  }

  it('is the same everywhere once it is written', () => {
    const folder = copyRepository();
    writeVersion(folder, '7.8.9');
    expect(versionProblems(folder, '7.8.9')).toEqual([]);
    expect(readFileSync(path.join(folder, 'deploy/kubernetes/kustomization.yaml'), 'utf8')).toContain(
      'newTag: 7.8.9',
    );
    const core = readJson(path.join(folder, 'packages/iptables/package.json')) as { dependencies: object };
    expect(core.dependencies).toMatchObject({ '@signalbox/core': '7.8.9' });
  });

  it('is reported where it differs, and where a file no longer has it', () => {
    const folder = copyRepository();
    const problems = versionProblems(folder, '7.8.9');
    expect(problems).toContain(`packages/core/package.json: version ${version} (package.json: 7.8.9)`);
    expect(problems.some((line) => line.startsWith('deploy/kubeadm/'))).toBe(true);
    rmSync(path.join(folder, 'apps/proxy/src'), { recursive: true });
    expect(versionProblems(folder, version)).toEqual(["no file has a version after SIGNALBOX_VERSION = '"]);
  });
});

describe('the changelog', () => {
  const text =
    '# Changelog\n\n## Unreleased\n\n* New: a flag.\n\n## 1.2.0 (2026-01-02)\n\n* Fixed: a fault.\n';

  it('has the changes of a version', () => {
    expect(notesOf(text, '1.2.0')).toBe('* Fixed: a fault.');
    expect(notesOf(text, '1.2.1')).toBeNull();
  });

  it('moves the unreleased changes to the released version, and rejects a version without changes', () => {
    const released = releaseChanges(text, '1.3.0', '2026-02-03');
    expect(released).toContain('## Unreleased\n\n## 1.3.0 (2026-02-03)\n\n* New: a flag.');
    expect(notesOf(released, '1.3.0')).toBe('* New: a flag.');
    expect(() => releaseChanges(released, '1.4.0', '2026-03-04')).toThrow('no changes under ## Unreleased');
    expect(() => releaseChanges(text, '1.2.0', '2026-03-04')).toThrow('## 1.2.0 exists');
  });

  it.each([
    ['major', '2.0.0'],
    ['minor', '1.3.0'],
    ['patch', '1.2.4'],
  ])('counts a %s step from 1.2.3 to %s', (step, next) => {
    expect(nextVersion('1.2.3', step)).toBe(next);
  });

  it('rejects any other step', () => {
    expect(() => nextVersion('1.2.3', 'big')).toThrow('big: must be major, minor or patch');
  });
});

describe('a release', () => {
  const manifest = {
    version: '1.2.0',
    author: 'A <a@signalbox.example>',
    repository: { url: 'git+https://github.com/owner/name.git' },
  };
  const given = { manifest, changelog: '## 1.2.0 (2026-01-02)\n\n* x\n', tag: 'v1.2.0', env: {} };
  const workflow = { GITHUB_REPOSITORY: 'owner/name' };

  it('is possible with a tag of the version, its changes, and public addresses', () => {
    expect(releaseProblems(given)).toEqual([]);
    expect(releaseProblems({ ...given, env: workflow })).toEqual([]);
  });

  it.each([
    [{ tag: 'v1.3.0' }, 'the tag v1.3.0 is not of version 1.2.0 (v1.2.0)'],
    [{ changelog: '## Unreleased\n' }, 'CHANGELOG.md: ## 1.2.0: required'],
    [
      { manifest: { ...manifest, author: 'A <a@b.invalid>' } },
      'package.json: author: A <a@b.invalid> is a placeholder: a release needs the public address',
    ],
    [
      { manifest: { ...manifest, repository: { url: 'git+https://git.invalid/a/b.git' } } },
      'package.json: repository.url: git+https://git.invalid/a/b.git is a placeholder: a release needs the public address',
    ],
    [
      { env: { GITHUB_REPOSITORY: 'fork/name' } },
      'package.json: repository.url: https://github.com/owner/name is not the repository of this workflow, https://github.com/fork/name',
    ],
  ] as const)('is refused with %o', (change, problem) => {
    expect(releaseProblems({ ...given, ...change })).toEqual([problem]);
  });

  it('is checked by a program that needs no packages of npm', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'signalbox-release-'));
    try {
      for (const name of ['package.json', 'CHANGELOG.md', 'tools']) {
        const filter = (file: string): boolean => path.basename(file) !== 'node_modules';
        cpSync(path.join(repositoryRoot, name), path.join(folder, name), { recursive: true, filter });
      }
      const args = [path.join(folder, 'tools/publish/release.mjs'), 'check', 'v0.0.0'];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      expect(stderr.split('\n')[0]).toBe(`the tag v0.0.0 is not of version ${version} (v${version})`);
      expect(status).toBe(1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('finds placeholders of addresses in package.json alone', () => {
    const files = globSync('{*.md,{apps,decisions,deploy,docs,packages,tools}/**/*}', {
      cwd: repositoryRoot,
      exclude: (name) => /^(?:node_modules|dist|tests|testing)$/.test(path.basename(name)),
    }).filter(
      (file) => !file.endsWith('.test.ts') && /\.(?:[cm]?js|ts|md|json|ya?ml|tpl|txt|ps1|cmd)$/.test(file),
    );
    expect(files).toContain('deploy/helm/signalbox/values.yaml');
    const found = files.filter((file) =>
      /\w\.invalid\b/.test(readFileSync(path.join(repositoryRoot, file), 'utf8')),
    );
    expect(found).toEqual([]);
  });
});

describe('the workflow of a release', () => {
  const workflow = readFileSync(path.join(repositoryRoot, '.github/workflows/release.yml'), 'utf8');

  it('runs only programs and scripts that exist', () => {
    const programs = [...workflow.matchAll(/\bnode ([\w./-]+\.mjs)/g)].map(([, file = '']) => file);
    const names = [...workflow.matchAll(/\bnpm run (?:-s )?([\w-]+)/g)].map(([, name = '']) => name);
    expect(programs.length).toBeGreaterThan(2);
    expect(programs.filter((file) => !existsSync(path.join(repositoryRoot, file)))).toEqual([]);
    expect(names.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  it('publishes only what was tested, from a tag of the version, with provenance', () => {
    expect(workflow).toMatch(/tags: \['v\*'\]/);
    expect(workflow).toMatch(/^  check:\n(?:.*\n)*?.*npm run -s release -- check "\$GITHUB_REF_NAME"$/m);
    expect(workflow).toMatch(/^  test:\n {4}needs: check$/m);
    expect(workflow).toMatch(/^  publish:\n {4}needs: test$/m);
    expect(workflow).toContain('actions/attest-build-provenance@');
    expect(workflow).toContain('--provenance');
  });

  it('publishes the image that the tests build, and the bills of materials', () => {
    expect(workflow).toMatch(/node tools\/publish\/image\.mjs image$/m);
    expect(workflow).toContain('skopeo copy --all --digestfile digest "oci:image:$VERSION"');
    expect(workflow).toMatch(/node tools\/publish\/sbom\.mjs out$/m);
    expect(workflow).toMatch(/sha256sum .*\*\.json/);
  });
});
