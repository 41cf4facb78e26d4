import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { loadClusterConfig, type LoadOptions } from './load-cluster-config.ts';

const at: { folder: string } = { folder: '' };
beforeAll(() => {
  at.folder = mkdtempSync(join(tmpdir(), 'signalbox-kubernetes-'));
});
afterAll(() => rmSync(at.folder, { recursive: true }));

async function messageOf(options: LoadOptions): Promise<string> {
  const result = await loadClusterConfig(options);
  return result.ok ? 'accepted' : result.error.message;
}

describe('loadClusterConfig', () => {
  it('uses the in-cluster configuration when no kubeconfig and no --master is given', async () => {
    writeFileSync(join(at.folder, 'token'), 't');
    writeFileSync(join(at.folder, 'ca.crt'), 'pem');
    const env = {
      KUBERNETES_SERVICE_HOST: 'fd00::1',
      KUBERNETES_SERVICE_PORT: '443',
      HTTPS_PROXY: 'http://p:1',
    };
    const result = await loadClusterConfig({ env, serviceAccountFolder: at.folder });
    expect(result).toEqual({
      ok: true,
      value: {
        servers: ['https://[fd00::1]'],
        tls: {
          ca: { from: 'file', path: join(at.folder, 'ca.crt') },
          insecureSkipVerify: false,
          serverName: null,
        },
        auth: {
          token: null,
          tokenFile: join(at.folder, 'token'),
          basic: null,
          clientCertificate: null,
          exec: null,
          impersonate: {},
        },
        proxy: { from: 'environment', env },
      },
    });
  });

  it('refuses a kubeconfig that is larger than 4 MiB, or no regular file', async () => {
    const large = join(at.folder, 'large');
    writeFileSync(large, `# ${'x'.repeat(4 << 20)}`);
    expect(await messageOf({ kubeconfig: large, env: {} })).toBe(`${large}: the file is larger than 4 MiB`);
    expect(await messageOf({ kubeconfig: at.folder, env: {} })).toMatch(/not a regular file|EISDIR|EPERM/);
  });

  it('does not wait for the writer of a FIFO', async ({ skip }) => {
    const fifo = join(at.folder, 'fifo');
    if (spawnSync('mkfifo', [fifo]).status !== 0) return skip('no FIFOs on this machine');
    expect(await messageOf({ kubeconfig: fifo, env: {} })).toBe(`${fifo}: not a regular file`);
  });

  it('names what is missing outside of a pod', async () => {
    const reason = 'it is not set: not in a pod, and neither --kubeconfig nor --master is given';
    expect(await messageOf({ env: {} })).toBe(`environment: KUBERNETES_SERVICE_HOST: ${reason}`);
    const env = { KUBERNETES_SERVICE_HOST: 'a', KUBERNETES_SERVICE_PORT: '1' };
    const nowhere = join(at.folder, 'nowhere');
    expect(await messageOf({ env, serviceAccountFolder: nowhere })).toMatch(`${nowhere}/token: ENOENT`);
  });

  it('takes a bare --master, with http unless it has a scheme, and further servers', async () => {
    const result = await loadClusterConfig({
      env: {},
      master: '10.0.0.1:8080',
      servers: ['https://b/', 'c:6443', 'https://b'],
    });
    expect(result.ok && result.value.servers).toEqual([
      'http://10.0.0.1:8080',
      'https://b',
      'https://c:6443',
    ]);
    expect(await messageOf({ env: {}, master: 'https://u:p@a' })).toBe(
      '--master: must be a URL of scheme, host, port and path only',
    );
    expect(await messageOf({ env: {}, master: 'a', servers: ['::'] })).toMatch(/^servers: .* is not a URL$/);
  });

  it('rejects a proxy that it cannot use, unless the server is exempt from it', async () => {
    const env = { HTTPS_PROXY: 'socks5://p:1', NO_PROXY: '10.0.0.0/8' };
    expect(await messageOf({ env, master: 'https://a' })).toBe(
      'environment: HTTPS_PROXY: only http:// and https:// proxies are supported',
    );
    expect(await messageOf({ env, master: 'https://10.1.1.1' })).toBe('accepted');
  });

  it('names a kubeconfig that cannot be read', async () => {
    const kubeconfig = join(at.folder, 'none.yaml');
    expect(await messageOf({ env: {}, kubeconfig })).toMatch(`${kubeconfig}: ENOENT`);
  });
});
