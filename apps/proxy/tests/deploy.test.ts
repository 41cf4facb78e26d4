/** The manifests of deploy/: against the schemas of the API, and as kubectl renders them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it, type TestContext, vi } from 'vitest';
import { settingsOf } from '../src/testing/settings.ts';
import { schemaProblems } from './api-schema.ts';
import { DEPLOY, kubectl, type Manifest, parse, prepareTools } from './cluster-tools.ts';

/**
 * Not objects of the API: kustomizations, a configuration, templates of the chart, and custom resources of Prometheus. The last
 * two have tests of their own.
 */
const isObject = (file: string): boolean =>
  !file.endsWith('kustomization.yaml') && !/^(?:debian|helm|observability)\//.test(file);
const files = globSync('**/*.yaml', { cwd: DEPLOY }).filter(isObject);

const read = (file: string): readonly Manifest[] => parse(readFileSync(path.join(DEPLOY, file), 'utf8'));

beforeAll(prepareTools, 600_000);

const MODES = ['iptables', 'ipvs', 'nftables', 'userspace'];

/** State and id of the child of a process; undefined without one. */
function childOf(parent: number | undefined): readonly [state: string, pid: number] | undefined {
  const stats = globSync('/proc/[0-9]*/stat').flatMap((file) => {
    try {
      return [readFileSync(file, 'utf8')];
    } catch {
      return []; // has ended
    }
  });
  const found = stats.find((stat) => Number(/\) \S (\d+)/.exec(stat)?.[1]) === parent);
  return found === undefined ? undefined : [/\) (\S)/.exec(found)?.[1] ?? '', Number.parseInt(found, 10)];
}

/** Renders a kustomization that lies beside those of deploy/. */
function render(context: TestContext, kustomization: object): readonly Manifest[] {
  const folder = mkdtempSync(path.join(DEPLOY, '.test-'));
  try {
    writeFileSync(path.join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    return kubectl(context, ['kustomize', folder]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly readinessProbe?: object;
  readonly volumeMounts: readonly { readonly name: string }[];
}
interface DaemonSet {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly [Container];
        readonly initContainers?: readonly Container[];
        readonly volumes: readonly { readonly name: string }[];
      };
    };
  };
}

const daemonSetOf = (objects: readonly Manifest[]): DaemonSet['spec']['template']['spec'] =>
  (objects.find(({ kind }) => kind === 'DaemonSet') as unknown as DaemonSet).spec.template.spec;

function configOf(objects: readonly Manifest[]): string {
  const [map] = objects.filter(({ kind }) => kind === 'ConfigMap') as readonly {
    data?: Record<string, string>;
  }[];
  return map?.data?.['config.conf'] ?? '';
}

describe('every manifest', () => {
  it.each(files)('%s has only fields of its kind, of the right type', (file) => {
    expect(read(file).length).toBeGreaterThan(0);
    expect(read(file).flatMap(schemaProblems)).toEqual([]);
  });

  it('is compared with schemas that know a misspelt field and a wrong type', () => {
    const [daemonSet] = read('kubernetes/daemon-set.yaml');
    const text = JSON.stringify(daemonSet);
    const wrong = text.replace('"hostNetwork":true', '"hostNetwork":"yes","hostNetwerk":true');
    expect(schemaProblems(JSON.parse(wrong) as Manifest)).toEqual([
      'V1DaemonSet.spec.template.spec.hostNetwork: must be boolean',
      'V1DaemonSet.spec.template.spec.hostNetwerk: no such field',
    ]);
  });
});

describe('kustomize', () => {
  it.each(MODES)('the component %s sets the mode, and nothing else', (mode) => {
    const [component] = read(`components/${mode}/mode.yaml`) as readonly { data?: { line: string } }[];
    expect(component?.data?.line).toBe(`mode: ${mode}`);
    const lines = configOf(read('kubernetes/config-map.yaml')).split('\n');
    expect(lines[2]).toBe('mode: iptables');
    const config = lines.with(2, component?.data?.line ?? '').join('\n');
    const around = { readFile: () => config };
    const settings = settingsOf(['--config=/c', '--hostname-override=n'], around);
    expect(settings).toMatchObject({ mode: { name: mode }, warnings: [], defaultedMode: false });
  });

  it.for(MODES)('renders the component %s', (mode, context) => {
    const resources = ['../kubernetes'];
    const plain = render(context, { resources });
    const rendered = render(context, { resources, components: [`../components/${mode}`] });
    expect(configOf(rendered)).toBe(configOf(plain).replace('mode: iptables', `mode: ${mode}`));
    expect(rendered.filter(({ kind }) => kind !== 'ConfigMap')).toEqual(
      plain.filter(({ kind }) => kind !== 'ConfigMap'),
    );
    expect(rendered).toHaveLength(plain.length);
    expect(rendered.flatMap(schemaProblems)).toEqual([]);
  });

  it('renders the unprivileged variant: read-only root, default seccomp profile, no other capability', (context) => {
    const rendered = kubectl(context, ['kustomize', path.join(DEPLOY, 'kubernetes-unprivileged')]);
    expect(rendered.flatMap(schemaProblems)).toEqual([]);
    const { containers, initContainers } = daemonSetOf(rendered);
    expect(containers[0].securityContext).toEqual({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      seccompProfile: { type: 'RuntimeDefault' },
      capabilities: { drop: ['ALL'], add: ['NET_ADMIN', 'NET_RAW', 'DAC_READ_SEARCH', 'SETUID', 'SETGID'] },
    });
    expect(initContainers?.[0]?.securityContext).toEqual({ privileged: true, readOnlyRootFilesystem: true });
  });
});

describe('the DaemonSet that removes the rules', () => {
  const rendered = (context: TestContext) =>
    daemonSetOf(kubectl(context, ['kustomize', path.join(DEPLOY, 'cleanup')]));

  it('runs --cleanup with the image, the state and the privileges of the proxy, then a container without any', (context) => {
    const proxy = daemonSetOf(kubectl(context, ['kustomize', path.join(DEPLOY, 'kubernetes')]));
    const { initContainers, containers, volumes } = rendered(context);
    const [cleanup] = initContainers ?? [];
    expect(cleanup?.command).toEqual(['/usr/local/bin/kube-proxy', '--cleanup']);
    expect([cleanup?.image, containers[0].image]).toEqual([
      proxy.containers[0].image,
      proxy.containers[0].image,
    ]);
    expect(cleanup?.securityContext).toMatchObject({ privileged: true });
    for (const mount of cleanup?.volumeMounts ?? [])
      expect(proxy.containers[0].volumeMounts).toContainEqual(mount);
    for (const volume of volumes) expect(proxy.volumes).toContainEqual(volume);
    expect(containers[0].securityContext).toMatchObject({
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    });
  });

  it('has a container that waits until SIGTERM', async (context) => {
    const [file = '', ...args] = rendered(context).containers[0].command;
    const waiting = spawn(file, args, { stdio: 'ignore' });
    const ended = once(waiting, 'exit');
    await vi.waitFor(() => expect(childOf(waiting.pid)?.[0]).toBe('T'), 50_000);
    expect(waiting.exitCode).toBeNull();
    const stopped = childOf(waiting.pid);
    waiting.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    // A container's other processes end with it.
    if (stopped !== undefined) process.kill(stopped[1], 'SIGKILL');
  });
});

/** The DaemonSet of kubeadm 1.37, as far as a patch meets it. */
const KUBEADM = JSON.stringify({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: 'kube-proxy', namespace: 'kube-system', labels: { 'k8s-app': 'kube-proxy' } },
  spec: {
    selector: { matchLabels: { 'k8s-app': 'kube-proxy' } },
    updateStrategy: { type: 'RollingUpdate' },
    template: {
      metadata: { labels: { 'k8s-app': 'kube-proxy' } },
      spec: {
        serviceAccountName: 'kube-proxy',
        hostNetwork: true,
        containers: [
          {
            name: 'kube-proxy',
            image: 'registry.k8s.io/kube-proxy:v1.37.0',
            command: [
              '/usr/local/bin/kube-proxy',
              '--config=/var/lib/kube-proxy/config.conf',
              '--hostname-override=$(NODE_NAME)',
            ],
            securityContext: { privileged: true },
            volumeMounts: [
              { mountPath: '/var/lib/kube-proxy', name: 'kube-proxy' },
              { mountPath: '/run/xtables.lock', name: 'xtables-lock' },
              { mountPath: '/lib/modules', name: 'lib-modules', readOnly: true },
            ],
          },
        ],
        volumes: [
          { name: 'kube-proxy', configMap: { name: 'kube-proxy' } },
          { name: 'xtables-lock', hostPath: { path: '/run/xtables.lock', type: 'FileOrCreate' } },
          { name: 'lib-modules', hostPath: { path: '/lib/modules' } },
        ],
      },
    },
  },
});

describe('the patch of kubeadm', () => {
  const [name = ''] = globSync('kubeadm/*.yaml', { cwd: DEPLOY });

  it('has a name that kubeadm takes: target, type of the patch, extension', () => {
    expect(path.basename(name)).toMatch(/^kubeproxydaemonset[\w-]*(?:\+strategic)?\.yaml$/);
  });

  it('has the probes, the mount and the volume of deploy/kubernetes', () => {
    const [daemonSet, patch] = [daemonSetOf(read('kubernetes/daemon-set.yaml')), daemonSetOf(read(name))];
    const { readinessProbe, volumeMounts } = patch.containers[0];
    expect(readinessProbe).toEqual(daemonSet.containers[0].readinessProbe);
    for (const mount of volumeMounts) expect(daemonSet.containers[0].volumeMounts).toContainEqual(mount);
    for (const volume of patch.volumes) expect(daemonSet.volumes).toContainEqual(volume);
  });

  it('replaces the image, adds probes and a folder, and leaves the rest of the DaemonSet', (context) => {
    const args = [
      'patch',
      '--local',
      '-f',
      '-',
      '--type',
      'strategic',
      '--patch-file',
      path.join(DEPLOY, name),
      '-o',
      'yaml',
    ];
    const patched = daemonSetOf(kubectl(context, args, KUBEADM));
    const before = daemonSetOf([JSON.parse(KUBEADM) as Manifest]);
    const [container] = patched.containers;
    expect(patched.containers).toHaveLength(1);
    expect(container.image).toMatch(/^signalbox:\d/);
    expect(container.command).toEqual(before.containers[0].command);
    expect(container.securityContext).toEqual(before.containers[0].securityContext);
    expect(container.volumeMounts.map((mount) => mount.name).toSorted()).toEqual([
      'kube-proxy',
      'lib-modules',
      'signalbox',
      'xtables-lock',
    ]);
    expect(patched.volumes.map((volume) => volume.name).toSorted()).toEqual([
      'kube-proxy',
      'lib-modules',
      'signalbox',
      'xtables-lock',
    ]);
  });
});
