/** What the proxy asks the API server for, and whether the rights that it is given allow that and no more. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createTestApiServer, createSourceRecorder, type RequestRecord } from '@signalbox/kubernetes/testing';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { STATE_FOLDER } from '../src/node/state-file.ts';
import { createSource } from '../src/compose/sources.ts';
import { createLogging } from '../src/logging/logger.ts';
import { settingsOf } from '../src/testing/settings.ts';

const FILES = fileURLToPath(new URL('../../../deploy/kubernetes/', import.meta.url));

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

function documents(name: string): readonly Record<string, unknown>[] {
  return loadAll(readFileSync(FILES + name, 'utf8')) as Record<string, unknown>[];
}

function rules(): readonly Rule[] {
  const role = documents('rbac.yaml').find(({ kind }) => kind === 'ClusterRole');
  return role?.['rules'] as readonly Rule[];
}

function allowed({ method, path, query }: RequestRecord): boolean {
  const [, group = '', resource = ''] =
    /^\/apis?\/(?:([^/]+)\/)?v1\/(?:namespaces\/[^/]+\/)?(\w+)$/.exec(path) ?? [];
  const verb = method === 'POST' ? 'create' : query.get('watch') === 'true' ? 'watch' : 'list';
  return rules().some(
    (rule) =>
      rule.apiGroups.includes(group) && rule.resources.includes(resource) && rule.verbs.includes(verb),
  );
}

/** Everything asked for until all four resources are complete and an Event has been posted. */
async function requestsOfAStart(): Promise<readonly RequestRecord[]> {
  const server = await createTestApiServer();
  const logging = createLogging(
    { format: 'text', verbosity: 0, vmodule: [] },
    { write: () => undefined, now: () => 0, pid: 1 },
  );
  const bundle = await createSource(
    settingsOf([`--master=${server.url}`, '--hostname-override=node-a']),
    logging.logger,
  );
  if (typeof bundle === 'string') throw new Error(bundle);
  const posted = server.requests.next(({ method }) => method === 'POST');
  const recorder = createSourceRecorder();
  bundle.source.start(recorder.handlers);
  await recorder.until(() => recorder.synced.length === 4);
  bundle.events.record({ type: 'Normal', reason: 'Starting', action: 'StartKubeProxy', note: '' });
  await posted;
  const all = [...server.requests.all];
  await bundle.source.stop();
  await server.stop();
  return all;
}

describe('requests to the API server', () => {
  it('F125 F126 F127 F130: watches what kube-proxy watches, selected alike, within its rights', async () => {
    const all = await requestsOfAStart();
    const selected = (path: string): readonly (string | null)[][] =>
      all
        .filter((request) => request.path === path)
        .map(({ query }) => [query.get('labelSelector'), query.get('fieldSelector')]);
    expect(new Set(all.map(({ path }) => path))).toEqual(
      new Set([
        '/api/v1/services',
        '/api/v1/nodes',
        '/apis/discovery.k8s.io/v1/endpointslices',
        '/apis/networking.k8s.io/v1/servicecidrs',
        '/apis/events.k8s.io/v1/namespaces/default/events',
      ]),
    );
    for (const selectors of selected('/api/v1/services')) {
      expect(selectors).toEqual(['!service.kubernetes.io/service-proxy-name', 'spec.clusterIP!=None']);
    }
    for (const [labels] of selected('/apis/discovery.k8s.io/v1/endpointslices')) {
      expect(labels).toContain('!service.kubernetes.io/headless');
    }
    for (const [, fields] of selected('/api/v1/nodes')) expect(fields).toBe('metadata.name=node-a');
    expect(all.filter((request) => !allowed(request)).map(({ method, path }) => `${method} ${path}`)).toEqual(
      [],
    );
  });
});

describe('deploy/kubernetes', () => {
  it('grants no access to Endpoints, and no right to change anything but Events', () => {
    const writes = rules().filter(({ verbs }) =>
      verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)),
    );
    expect(rules().flatMap(({ resources }) => resources)).not.toContain('endpoints');
    expect(writes.map(({ resources }) => resources)).toEqual([['events']]);
  });

  it('F130: the DaemonSet runs the configuration of its ConfigMap, with the rights of its account', () => {
    const [map] = documents('config-map.yaml') as { data: Record<string, string> }[];
    const config = settingsOf(['--config=/c', '--hostname-override=n'], {
      readFile: () => map?.data['config.conf'] ?? '',
    });
    expect(config.warnings).toEqual([]);
    const [daemonSet] = documents('daemon-set.yaml') as unknown as [
      { spec: { template: { spec: { serviceAccountName: string; containers: [{ command: string[] }] } } } },
    ];
    const { serviceAccountName, containers } = daemonSet.spec.template.spec;
    const [account] = documents('service-account.yaml') as { metadata: { name: string } }[];
    expect(serviceAccountName).toBe(account?.metadata.name);
    expect(containers[0].command).toContain('--config=/var/lib/kube-proxy/config.conf');
  });

  it('the lock, the frontends and the journal of ipvs mode outlive the pod', () => {
    const [daemonSet] = documents('daemon-set.yaml') as unknown as [
      { spec: { template: { spec: { volumes: unknown[]; containers: [{ volumeMounts: unknown[] }] } } } },
    ];
    const { volumes, containers } = daemonSet.spec.template.spec;
    const hostPath = { path: STATE_FOLDER, type: 'DirectoryOrCreate' };
    expect(volumes).toContainEqual({ name: 'signalbox', hostPath });
    expect(containers[0].volumeMounts).toContainEqual({ name: 'signalbox', mountPath: STATE_FOLDER });
  });
});
