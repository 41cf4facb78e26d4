/** The Debian package on a copy-on-write view of this system: the files that it installs, and that a purge removes them. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../install.mjs';
import { buildDeb } from './deb.mjs';
import {
  FLAGS,
  isRemoved,
  runInView,
  section,
  skipWithoutOverlay,
  untilServed,
  withObjects,
  withoutObjects,
} from './view-of-system.ts';

const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-deb-test-'));
const held = { deb: '' };
const VERSION = (
  JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as { readonly version: string }
).version;

beforeAll(async () => {
  held.deb = await buildDeb(scratch, { compression: 'none' });
}, 120_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const inView = (script: string) =>
  runInView({ scratch, files: { [held.deb]: '/run/signalbox.deb' } }, script);

/** systemd is process 1 of a machine, not of this view: starts and stops the command of the unit, as far as the scripts need it. */
const SYSTEMCTL = `#!/bin/sh -e
for word in "$@"; do case $word in -*) ;; *) action=\${action:-$word} ;; esac; done
pid=/run/systemd/signalbox.pid
case $action in
  enable)
    command=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/signalbox.service)
    mkdir -p /run/signalbox
    $command ${FLAGS} > /run/log 2>&1 & echo $! > $pid ;;
  is-active) test -e $pid ;;
  disable) kill $(cat $pid); while kill -0 $(cat $pid) 2> /dev/null; do :; done; rm $pid ;;
  daemon-reload) ;;
  *) echo "systemctl $*: not expected" >&2; exit 1 ;;
esac
`;

const WITH_SYSTEMCTL = `
      mkdir -p /run/systemd/system
      cat > /run/systemd/systemctl <<'END'\n${SYSTEMCTL}END
      chmod +x /run/systemd/systemctl
      mount --bind /run/systemd/systemctl /usr/bin/systemctl`;

/** The exposure that systemd-analyze computes, of 100: 96 for a unit without options. A lower exposure would deny what the modes need. */
const EXPOSURE = 32;

describe('the Debian package', () => {
  it('installs the program and a hardened unit, and a purge leaves no file', (context) => {
    const done = inView(`
      dpkg --install /run/signalbox.deb
      echo == version; signalbox version
      echo == unit; systemd-analyze verify --man=no signalbox.service
      echo == exposure; systemd-analyze security --offline=yes --threshold=${EXPOSURE} --no-pager signalbox.service | tail -1
      systemd-analyze security --offline=yes --threshold=${EXPOSURE} --no-pager signalbox.service > /dev/null
      echo == installed; dpkg --verify signalbox
      mkdir -p /run/signalbox; echo own > /etc/signalbox/kubeconfig.conf
      echo == purge; dpkg --purge signalbox`);
    skipWithoutOverlay(done, context);
    const { status, text } = done;
    expect(section(text, 'version')).toContain(VERSION);
    expect(section(text, 'unit')).toBe('');
    expect(section(text, 'exposure')).toMatch(/signalbox\.service: \d/);
    expect(section(text, 'installed')).toBe('');
    expect(section(text, 'left')).toBe('');
    expect(status, text).toBe(0);
  }, 300_000);

  it('serves with the command of its unit, and apt-get purge ends it and removes its rules', (context) => {
    const done = inView(`${WITH_SYSTEMCTL}
      ${withObjects}
      dpkg --install /run/signalbox.deb
      echo own > /etc/signalbox/kubeconfig.conf
      systemctl enable --now signalbox
      echo == served; proxy=$(cat /run/systemd/signalbox.pid); ${untilServed}
      echo == purge; apt-get purge -y signalbox
      echo == removed; kill -0 $proxy 2> /dev/null && echo running; ${isRemoved}
      ${withoutObjects}`);
    skipWithoutOverlay(done, context);
    const { status, text } = done;
    expect(section(text, 'served')).toBe('served\n');
    expect(section(text, 'removed'), text).toBe('removed\n');
    expect(section(text, 'left')).toBe('');
    expect(status, text).toBe(0);
  }, 300_000);

  it('has the same bytes when it is built again', async () => {
    const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
    const first = digest(held.deb);
    expect(digest(await buildDeb(path.join(scratch, 'again'), { compression: 'none' }))).toBe(first);
    expect(statSync(held.deb).mode & 0o044).not.toBe(0);
  });
});
