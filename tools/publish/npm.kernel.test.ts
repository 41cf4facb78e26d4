/** The program as npm installs it, on a copy-on-write view of this system: the commands of the documents, and what they leave. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { repositoryRoot } from '../install.mjs';
import { packPackage } from './tarballs.mjs';
import {
  FLAGS,
  isRemoved,
  runInView,
  section,
  skipWithoutOverlay,
  untilServed,
  withNpm,
  withObjects,
  withoutObjects,
} from './view-of-system.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-npm-test-'));
const held = { tarball: '' };

beforeAll(async () => {
  held.tarball = await packPackage(path.join(repositoryRoot, 'apps/proxy'), scratch);
}, 120_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** The name of the package in the registry, as typed. */
const PACKAGE = '@signalbox/proxy';
const TARBALL = '/run/signalbox-proxy.tgz';

/** Commands of a document that contain the name, in its order; the tarball is in the place of the registry. */
function documented(file: string, pattern: RegExp): readonly string[] {
  const text = readFileSync(path.join(repositoryRoot, file), 'utf8');
  const found = [...text.matchAll(pattern)].map(([, command = '']) => command.trim());
  return found.map((command) =>
    command.replace(PACKAGE, command.includes('uninstall') ? PACKAGE : `file:${TARBALL}`),
  );
}

const [install = 'false'] = documented('docs/upgrade.md', /`(npm install --global [^`]*)`/g);
const [remove = 'false'] = documented('docs/upgrade.md', /`([^`]*npm uninstall --global [^`]*)`/g);
const [npx = 'false'] = documented('README.md', /^(npx .*?) +#/gm);

const inView = (context: TestContext, script: string) => {
  const { mounts, commands } = withNpm(context);
  const view = { scratch, files: { [held.tarball]: TARBALL }, mounts };
  // --offline, without questions: the tarball has everything.
  const settings = 'export npm_config_offline=true npm_config_yes=true npm_config_audit=false';
  return runInView(view, `${commands}\n${settings}\nmkdir -p /srv/home\n${script}\nrm -rf /srv/home`);
};

describe('the program of the npm package', () => {
  it('is installed by one command, serves, and is removed with its rules and files', (context) => {
    const done = inView(
      context,
      `${withObjects}
      ${install}
      signalbox --proxy-mode=iptables ${FLAGS} > /run/log 2>&1 & proxy=$!
      echo == served; ${untilServed}
      kill $proxy; wait $proxy
      echo == removal; ${remove}
      echo == removed; ${isRemoved}
      ${withoutObjects}`,
    );
    skipWithoutOverlay(done, context);
    const { status, text } = done;
    expect(section(text, 'served')).toBe('served\n');
    expect(section(text, 'removed')).toBe('removed\n');
    expect(section(text, 'left')).toBe('');
    expect(status, text).toBe(0);
  }, 300_000);

  it('runs with npx, without an installation', (context) => {
    const done = inView(
      context,
      `echo == help; ${npx}; echo == explain
      ${withObjects}
      npx file:${TARBALL} explain 10.244.1.9 10.96.0.10:80/tcp --manifests=/run/web.yaml --hostname-override=node-a || echo status $?
      ${withoutObjects}`,
    );
    skipWithoutOverlay(done, context);
    const { status, text } = done;
    expect(section(text, 'help')).toMatch(/^ +explain /m);
    expect(section(text, 'explain')).toMatch(/^outcome +reject\n(?:.*\n)*status 2$/m);
    expect(section(text, 'left')).toBe('');
    expect(status, text).toBe(0);
  }, 300_000);
});
