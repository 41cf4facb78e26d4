/** The Debian package on a copy-on-write view of this system: the files that it installs, and that a purge removes them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../install.mjs';
import { buildDeb } from './deb.mjs';

const scratch = mkdtempSync(path.join(tmpdir(), 'signalbox-deb-test-'));
const held = { deb: '' };
const VERSION = (
  JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as { readonly version: string }
).version;

beforeAll(async () => {
  held.deb = await buildDeb(scratch, { compression: 'none' });
}, 120_000);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

interface Done {
  readonly status: number | null;
  readonly text: string;
}

function call(file: string, args: readonly string[], env = process.env): Done {
  // unshare ignores SIGTERM; --kill-child ends the namespace with it.
  const options = { encoding: 'utf8', env, timeout: 280_000, killSignal: 'SIGKILL' } as const;
  const { status, stdout, stderr } = spawnSync(file, args, options);
  return { status, text: stdout + stderr };
}

/** Runs commands in a copy-on-write view of this system; its mounts, network and changes are removed when they end. */
function inRoot(script: string): Done {
  const place = path.join(scratch, 'root');
  mkdirSync(place, { recursive: true });
  const file = path.join(scratch, 'script');
  writeFileSync(file, `export PATH=${SYSTEM_PATH}\n${script}`);
  const view = `${place}/view`;
  const outer = `set -e
    mount -t tmpfs none ${place}
    mkdir ${place}/upper ${place}/work ${view}
    mount -t overlay none -o lowerdir=/,upperdir=${place}/upper,workdir=${place}/work ${view}
    mount --rbind /dev ${view}/dev
    mount -t proc none ${view}/proc
    mount -t tmpfs none ${view}/run
    cat ${held.deb} > ${view}/run/signalbox.deb
    chroot ${view} /bin/sh -e < ${file}
    echo == left
    find ${place}/upper -type f -not -path '*/var/*'
    find ${view}/run -mindepth 1 -not -name signalbox.deb -not -path '*/run/systemd*'
    find ${place}/upper ${view}/var/lib/dpkg/info -name 'signalbox*' -not -type c
    echo == end`;
  const env = { ...process.env, PATH: SYSTEM_PATH };
  return call('unshare', ['--mount', '--net', '--pid', '--fork', '--kill-child', 'sh', '-c', outer], env);
}

const OBJECTS =
  '{kind: Service, apiVersion: v1, metadata: {name: web}, spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10], ports: [{port: 80}]}}';

/** The command of the unit, until the kernel has the Service of a file; then the objects are removed, as before a purge. */
const SERVE = `
      echo '${OBJECTS}' > /run/web.yaml
      command=$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/signalbox.service)
      $command --manifests=/run/web.yaml --hostname-override=node-a --conntrack-max-per-core=0 2> /run/log & proxy=$!
      until iptables-save | grep -q 10.96.0.10; do kill -0 $proxy || { cat /run/log; exit 1; }; done
      echo served
      kill $proxy; wait $proxy
      signalbox --cleanup 2>> /run/log > /run/log || { cat /run/log; exit 1; }
      iptables-save | grep 10.96.0.10 || echo removed
      rm -f /run/web.yaml /run/log /run/xtables.lock`;

/** What a script printed between one `echo == NAME` and the next. */
function section(text: string, name: string): string {
  return (
    new RegExp(`^== ${name}\n([\\s\\S]*?)^== `, 'm').exec(text)?.[1] ?? `no section ${name} in:\n${text}`
  );
}

/** The exposure that systemd-analyze computes, of 100: 96 for a unit without options. A lower exposure would deny what the modes need. */
const EXPOSURE = 32;

describe('the Debian package', () => {
  it('installs the program and a hardened unit, serves, and a purge leaves no file', (context) => {
    const { status, text } = inRoot(`
      dpkg --install /run/signalbox.deb
      echo == version; signalbox version
      echo == unit; systemd-analyze verify --man=no signalbox.service
      echo == exposure; systemd-analyze security --offline=yes --threshold=${EXPOSURE} --no-pager signalbox.service | tail -1
      systemd-analyze security --offline=yes --threshold=${EXPOSURE} --no-pager signalbox.service > /dev/null
      echo == installed; dpkg --verify signalbox
      echo == served; ${SERVE}
      mkdir -p /run/signalbox; echo own > /etc/signalbox/kubeconfig.conf
      echo == purge; dpkg --purge signalbox`);
    // In a user namespace, kernels before 5.11 mount no overlay.
    if (/^mount: .*overlay|wrong fs type/m.test(text)) context.skip(text.trim());
    expect(section(text, 'version')).toContain(VERSION);
    expect(section(text, 'unit')).toBe('');
    expect(section(text, 'exposure')).toMatch(/signalbox\.service: \d/);
    expect(section(text, 'installed')).toBe('');
    expect(section(text, 'served')).toBe('served\nremoved\n');
    expect(section(text, 'left')).toBe('');
    expect(status, text).toBe(0);
  }, 300_000);

  it('has the same bytes when it is built again', async () => {
    const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');
    const first = digest(held.deb);
    const folder = mkdtempSync(path.join(scratch, 'again-'));
    expect(digest(await buildDeb(folder, { compression: 'none' }))).toBe(first);
    expect(statSync(held.deb).mode & 0o044).not.toBe(0);
  });
});
