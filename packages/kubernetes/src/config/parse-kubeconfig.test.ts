import { describe, expect, it } from 'vitest';

import { parseKubeconfig } from './parse-kubeconfig.ts';
import type { ClusterConfig } from './cluster-config.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';

interface Parts {
  readonly cluster?: unknown;
  readonly user?: unknown;
  readonly context?: unknown;
  readonly more?: Record<string, unknown>;
}

function parse({ cluster, user = {}, context, more = {} }: Parts, master = '') {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: context ?? { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: cluster ?? { server: 'https://10.0.0.1:6443' } }],
    users: [{ name: 'u', user }],
    ...more,
  };
  const text = JSON.stringify(config);
  return parseKubeconfig({ text, file: '/etc/k/config', folder: '/etc/k', env: { HOME: '/root' }, master });
}

function accepted(parts: Parts, master = ''): ClusterConfig {
  const result = parse(parts, master);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function refused(parts: Parts): string {
  const result = parse(parts);
  return result.ok ? 'accepted' : result.error.message;
}

describe('parseKubeconfig', () => {
  it('reads YAML 1.1, as client-go does: yes is true', () => {
    const text = `current-context: c
contexts: [{name: c, context: {cluster: k}}]
clusters: [{name: k, cluster: {server: "https://a", insecure-skip-tls-verify: yes}}]
`;
    const parsed = parseKubeconfig({ text, file: 'f', folder: '/', env: {}, master: '' });
    expect(parsed).toMatchObject({ ok: true, value: { tls: { insecureSkipVerify: true } } });
  });

  it("reads the kubeconfig that kubeadm gives kube-proxy: a token file and an authority's file", () => {
    const config = accepted({
      cluster: { server: 'https://[fd00::1]:6443/', 'certificate-authority': '/var/run/sa/ca.crt' },
      user: { tokenFile: '/var/run/sa/token' },
    });
    expect(config).toEqual({
      servers: ['https://[fd00::1]:6443'],
      tls: { ca: { from: 'file', path: '/var/run/sa/ca.crt' }, insecureSkipVerify: false, serverName: null },
      auth: {
        token: null,
        tokenFile: '/var/run/sa/token',
        basic: null,
        clientCertificate: null,
        exec: null,
        impersonate: {},
      },
      proxy: { from: 'environment', env: { HOME: '/root' } },
    });
  });

  it('reads every kind of credential, and resolves paths against its own folder', () => {
    const { auth, tls, proxy } = accepted({
      cluster: {
        server: 'https://a.example',
        'certificate-authority': 'ca.crt',
        'tls-server-name': 'kubernetes',
        'proxy-url': 'http://proxy:3128',
      },
      user: {
        token: 'abc',
        username: 'me',
        password: 'secret',
        as: 'jane',
        'as-uid': '7',
        'as-groups': ['a', 'b'],
        'client-certificate-data': base64(PEM),
        'client-key': 'keys/me.key',
        exec: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command: './bin/get-token',
          args: ['--cluster', 'x'],
          env: [{ name: 'A', value: 'b' }],
          provideClusterInfo: true,
          installHint: 'install it',
        },
      },
    });
    expect(tls).toEqual({
      ca: { from: 'file', path: '/etc/k/ca.crt' },
      insecureSkipVerify: false,
      serverName: 'kubernetes',
    });
    expect(proxy).toEqual({ from: 'url', url: 'http://proxy:3128' });
    expect(auth).toEqual({
      token: 'abc',
      tokenFile: null,
      basic: { username: 'me', password: 'secret' },
      clientCertificate: {
        certificate: { from: 'data', pem: PEM },
        key: { from: 'file', path: '/etc/k/keys/me.key' },
      },
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: '/etc/k/bin/get-token',
        args: ['--cluster', 'x'],
        env: [{ name: 'A', value: 'b' }],
        provideClusterInfo: true,
        installHint: 'install it',
        inherit: { HOME: '/root' },
      },
      impersonate: {
        'impersonate-user': 'jane',
        'impersonate-uid': '7',
        'impersonate-group': ['a', 'b'],
      },
    });
  });

  it('lets --master take the place of the server', () => {
    expect(accepted({ cluster: {} }, 'https://other:1').servers).toEqual(['https://other:1']);
  });

  it('needs no user', () => {
    expect(accepted({ context: { cluster: 'k' } }).auth.token).toBeNull();
  });

  it.each<[string, Parts, string]>([
    ['no context', { more: { 'current-context': '' } }, 'current-context: it is not set'],
    [
      'a wrong context',
      { more: { 'current-context': 'x' } },
      'current-context: there is no entry named "x" in contexts',
    ],
    [
      'a wrong cluster',
      { context: { cluster: 'z', user: 'u' } },
      'contexts[0].context.cluster: there is no entry named "z" in clusters',
    ],
    [
      'a wrong user',
      { context: { cluster: 'k', user: 'z' } },
      'contexts[0].context.user: there is no entry named "z" in users',
    ],
    ['no server', { cluster: {} }, 'clusters[0].cluster.server: it is not set'],
    [
      'a server of another kind',
      { cluster: { server: 'ftp://a' } },
      'clusters[0].cluster.server: "ftp://a": only http:// and https:// are supported',
    ],
    [
      'a server that is no URL',
      { cluster: { server: 'https://a b' } },
      'clusters[0].cluster.server: "https://a b" is not a URL',
    ],
    ['contexts that are no list', { more: { contexts: {} } }, 'contexts: must be a list, is a mapping'],
    ['a number for a token', { user: { token: 12 } }, 'users[0].user.token: must be a string, is a number'],
    [
      'a word for a flag',
      { cluster: { server: 'https://a', 'insecure-skip-tls-verify': 'yes' } },
      'clusters[0].cluster.insecure-skip-tls-verify: must be true or false, is a string',
    ],
    [
      'an authority and no verification',
      { cluster: { server: 'https://a', 'insecure-skip-tls-verify': true, 'certificate-authority': 'x' } },
      'clusters[0].cluster.insecure-skip-tls-verify: a certificate authority is given too; only one of them can hold',
    ],
    [
      'data that is no PEM',
      { cluster: { server: 'https://a', 'certificate-authority-data': 'AAAA' } },
      'clusters[0].cluster.certificate-authority-data: it is not PEM in base64',
    ],
    [
      'a certificate without key',
      { user: { 'client-certificate': 'x' } },
      'users[0].user.client-key: it is missing, and there is a client-certificate',
    ],
    [
      'a key without certificate',
      { user: { 'client-key': 'x' } },
      'users[0].user.client-certificate: it is missing, and there is a client-key',
    ],
    [
      'an unknown plugin version',
      { user: { exec: { apiVersion: 'v1', command: 'x' } } },
      'users[0].user.exec.apiVersion: must be client.authentication.k8s.io/v1 or client.authentication.k8s.io/v1beta1, is "v1"',
    ],
    [
      'a plugin without command',
      { user: { exec: { apiVersion: 'client.authentication.k8s.io/v1' } } },
      'users[0].user.exec.command: it is not set',
    ],
    [
      'a plugin that asks a person',
      {
        user: {
          exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'x', interactiveMode: 'Always' },
        },
      },
      'users[0].user.exec.interactiveMode: a service proxy has no user to prompt',
    ],
    [
      'an argument that is no string',
      { user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'x', args: [1] } } },
      'users[0].user.exec.args[0]: must be a string, is a number',
    ],
    [
      'an old provider',
      { user: { 'auth-provider': { name: 'gcp' } } },
      'users[0].user.auth-provider: it was removed from Kubernetes in 1.26; use exec',
    ],
    [
      'groups without a user',
      { user: { 'as-groups': ['a'] } },
      'users[0].user.as: it is not set, and there are as-uid or as-groups',
    ],
    [
      'what we cannot be taken for',
      { user: { as: 'a', 'as-user-extra': { scopes: ['b'] } } },
      'users[0].user.as-user-extra: it is not supported',
    ],
    [
      'a proxy of another kind',
      { cluster: { server: 'https://a', 'proxy-url': 'socks5://p' } },
      'clusters[0].cluster.proxy-url: only http:// and https:// proxies are supported',
    ],
  ])('names file and field of %s', (_name, parts, message) => {
    expect(refused(parts)).toBe(`/etc/k/config: ${message}`);
  });

  it('names the file when its text is not YAML, or no mapping', () => {
    const source = { file: '/etc/k/config', folder: '/etc/k', env: {}, master: '' };
    const broken = parseKubeconfig({ ...source, text: 'a: [' });
    expect(broken.ok ? '' : broken.error.message).toMatch(/^\/etc\/k\/config: not YAML: /);
    const empty = parseKubeconfig({ ...source, text: '' });
    expect(empty.ok ? '' : empty.error.message).toMatch(/^\/etc\/k\/config: /);
  });
});
