/** The Helm chart: the objects of the kustomize bases, from values that a schema checks. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { settingsOf } from '../src/testing/settings.ts';
import { SIGNALBOX_VERSION } from '../src/version/version.ts';
import { schemaProblems } from './api-schema.ts';
import { DEPLOY, helm, kubectl, type Manifest, parse, prepareTools, type Ran } from './cluster-tools.ts';

const CHART = path.join(DEPLOY, 'helm/signalbox');
beforeAll(prepareTools, 600_000);

const MODES = ['iptables', 'ipvs', 'nftables', 'userspace'];
/** That of deploy/kubernetes/config-map.yaml. */
const API_SERVER = 'apiServer=https://control-plane.example:6443';

function run(context: TestContext, action: readonly string[], values: readonly string[]): Ran {
  const settings = [API_SERVER, ...values].flatMap((value) => ['--set', value]);
  return helm(context, [...action, CHART, '--namespace=kube-system', ...settings]);
}

function template(context: TestContext, ...values: readonly string[]): readonly Manifest[] {
  const { status, stdout, stderr } = run(context, ['template', 'signalbox'], values);
  if (status !== 0) throw new Error(stderr);
  return parse(stdout);
}

function kustomize(context: TestContext, base: string, mode: string): readonly Manifest[] {
  const folder = mkdtempSync(path.join(DEPLOY, '.test-'));
  const kustomization = { resources: [`../${base}`], components: [`../components/${mode}`] };
  try {
    writeFileSync(path.join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
    return kubectl(context, ['kustomize', folder]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Data = Readonly<Record<string, string>>;

/** Objects by kind and name. Of a ConfigMap the contents of its files: comments and order of fields may differ. */
function comparable(objects: readonly Manifest[]): ReadonlyMap<string, unknown> {
  const entries = objects.map((object) => {
    const { kind, metadata, data } = object as { kind: string; metadata: { name: string }; data?: Data };
    const parsed = Object.entries(data ?? {}).map(([name, text]) => [name, load(text)] as const);
    const contents = data === undefined ? object : { ...object, data: Object.fromEntries(parsed) };
    return [`${kind}/${metadata.name}`, contents] as const;
  });
  return new Map(entries.toSorted(([one], [other]) => one.localeCompare(other)));
}

function configOf(objects: readonly Manifest[]): string {
  const map = objects.find(({ kind }) => kind === 'ConfigMap') as { readonly data?: Data } | undefined;
  return map?.data?.['config.conf'] ?? '';
}

interface DaemonSet {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly imagePullSecrets?: readonly object[];
        readonly containers: readonly [
          { readonly image: string; readonly imagePullPolicy?: string; readonly resources: object },
        ];
      };
    };
  };
}
const podOf = (objects: readonly Manifest[]): DaemonSet['spec']['template']['spec'] =>
  (objects.find(({ kind }) => kind === 'DaemonSet') as unknown as DaemonSet).spec.template.spec;

describe('the Helm chart', () => {
  it('passes helm lint', (context) => {
    const { status, stdout, stderr } = run(context, ['lint', '--strict'], []);
    expect(stdout).toContain('0 chart(s) failed');
    expect(status, stdout + stderr).toBe(0);
  });

  it.for(MODES)('renders the objects of kustomize in mode %s', (mode, context) => {
    const rendered = template(context, `mode=${mode}`);
    expect(rendered.flatMap(schemaProblems)).toEqual([]);
    expect(comparable(rendered)).toEqual(comparable(kustomize(context, 'kubernetes', mode)));
  });

  it.for(MODES.filter((mode) => mode !== 'ipvs'))(
    'renders the unprivileged objects of kustomize in mode %s',
    (mode, context) => {
      const rendered = template(context, `mode=${mode}`, 'unprivileged=true');
      expect(rendered.flatMap(schemaProblems)).toEqual([]);
      expect(comparable(rendered)).toEqual(comparable(kustomize(context, 'kubernetes-unprivileged', mode)));
    },
  );

  it('puts further fields into the configuration, which Signalbox accepts without a warning', (context) => {
    const values = ['config.iptables.masqueradeBit=15', 'config.clientConnection.qps=7', 'clusterCIDR='];
    const config = configOf(template(context, ...values, 'nodePortAddresses={10.0.0.0/8,localhost}'));
    expect(load(config)).toMatchObject({
      clientConnection: { kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf', qps: 7 },
      nodePortAddresses: ['10.0.0.0/8', 'localhost'],
      iptables: { masqueradeBit: 15 },
    });
    const flags = ['--config=/c', '--hostname-override=n'];
    const settings = settingsOf(flags, { readFile: () => config });
    expect(settings).toMatchObject({ mode: { name: 'iptables' }, warnings: [] });
  });

  it('uses image, secrets and resources of the values; the default tag is the version', (context) => {
    expect(podOf(template(context)).containers[0].image).toBe(`signalbox:${SIGNALBOX_VERSION}`);
    const image = [
      'image.repository=registry.example/signalbox',
      'image.tag=1.2.3',
      'image.pullPolicy=Always',
    ];
    const rendered = template(
      context,
      ...image,
      'imagePullSecrets[0].name=pull',
      'resources.limits.memory=1Gi',
    );
    expect(rendered.flatMap(schemaProblems)).toEqual([]);
    expect(podOf(rendered)).toMatchObject({
      imagePullSecrets: [{ name: 'pull' }],
      containers: [
        {
          image: 'registry.example/signalbox:1.2.3',
          imagePullPolicy: 'Always',
          resources: { limits: { memory: '1Gi' }, requests: { cpu: '20m' } },
        },
      ],
    });
  });

  it('shows after an installation how to follow the roll-out', (context) => {
    const { status, stdout } = run(context, ['install', '--dry-run=client', 'signalbox'], ['mode=nftables']);
    expect(status).toBe(0);
    expect(stdout).toContain(`Signalbox ${SIGNALBOX_VERSION} runs as DaemonSet kube-proxy, mode nftables`);
    expect(stdout).toContain('kubectl -n kube-system rollout status daemonset/kube-proxy');
  });

  it.for([
    ['mode=ebpf', "at '/mode'"],
    ['unprivileged=true,mode=ipvs', "at '/mode'"],
    ['clusterCidr=10.244.0.0/16', "additional properties 'clusterCidr' not allowed"],
    ['clusterCIDR=10.244.0.0', "at '/clusterCIDR'"],
    ['apiServer=control-plane.example', "at '/apiServer'"],
    ['apiServer=null', "at '/apiServer': got null"],
    ['config.mode=ipvs', "at '/config'"],
  ] as const)('rejects %s', ([value, message], context) => {
    const { status, stderr } = run(context, ['template', 'signalbox'], [value]);
    expect(stderr).toContain(message);
    expect(status).toBe(1);
  });

  it('requires the address of the API server', (context) => {
    const { status, stderr } = helm(context, ['template', 'signalbox', CHART]);
    expect(stderr).toContain("missing property 'apiServer'");
    expect(status).toBe(1);
  });

  it('describes every value in its schema', () => {
    const read = (file: string): unknown => load(readFileSync(path.join(CHART, file), 'utf8'));
    const { properties } = read('values.schema.json') as { readonly properties: object };
    const values = Object.keys(read('values.yaml') as object);
    // global: Helm adds it. apiServer has no default.
    expect(['global', 'apiServer', ...values].toSorted()).toEqual(Object.keys(properties).toSorted());
  });
});
