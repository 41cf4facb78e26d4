import {
  createApiClient,
  createEventRecorder,
  createKubernetesSource,
  guardApiEndpoints,
  loadClusterConfig,
  type EventRecorder,
} from '@signalbox/kubernetes';
import { createManifestSource } from '@signalbox/manifests';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import { SIGNALBOX_VERSION } from '../version/version.ts';
import { NO_EVENTS, type Events, type SourceBundle } from './composition.ts';
import { credentialMistake } from './credential-files.ts';
import { manifestMistake } from './manifest-check.ts';
import { measuredClient, type ReportListener, type RequestReport } from './measured-client.ts';

/** Objects from a folder, or from an API server. A kubeconfig that cannot be used is an error in one line. */
export async function createSource(settings: Settings, logger: Logger): Promise<SourceBundle | string> {
  const log = (line: string): void => logger.debug(2, line);
  if (settings.strict && settings.manifests === '') return '--strict: only with --manifests';
  if (settings.manifests !== '') {
    const mistake = await manifestMistake(settings);
    if (mistake !== null) return `--manifests: ${mistake}`;
    return { source: createManifestSource({ path: settings.manifests, log }), events: NO_EVENTS };
  }
  const { kubeconfig, qps, burst, contentType, acceptContentTypes } = settings.config.clientConnection;
  const loaded = await loadClusterConfig({ kubeconfig, ...serversOf(settings.master), env: process.env });
  if (!loaded.ok) return loaded.error.message.replace(/^servers:/, '--master:');
  const mistake = await credentialMistake(loaded.value);
  if (mistake !== null) return `${kubeconfig || 'service account'}: ${mistake}`;
  const reports = createReports();
  const plain = createApiClient({
    config: loaded.value,
    qps,
    burst,
    // As in client-go: what is accepted, if it is given, counts more than what is sent.
    contentType: acceptContentTypes || contentType,
    userAgent: `signalbox/${SIGNALBOX_VERSION}`,
  });
  const client = measuredClient(plain, reports.take);
  const objects = createKubernetesSource({ config: loaded.value, client, nodeName: settings.nodeName, log });
  const source = guardApiEndpoints(objects, { servers: loaded.value.servers, clock: client.clock, log });
  const recorder = createEventRecorder({
    config: loaded.value,
    client,
    reportingInstance: settings.nodeName,
    log,
  });
  return {
    source,
    events: clusterEvents(recorder, settings.nodeName),
    onRequest: reports.listen,
    connections: () => objects.connections(),
  };
}

/** `--master`, one or several; with http unless they say otherwise, as for one. */
function serversOf(text: string): { readonly master: string; readonly servers: readonly string[] } {
  const [master = '', ...more] = text.split(',').map((url) => url.trim());
  return { master, servers: more.map((url) => (url === '' || url.includes('://') ? url : `http://${url}`)) };
}

/** About this node unless they name a Service. */
function clusterEvents(recorder: EventRecorder, node: string): Events {
  return {
    record: ({ service, ...event }) => {
      const regarding =
        service === undefined
          ? { apiVersion: 'v1', kind: 'Node', name: node }
          : { apiVersion: 'v1', kind: 'Service', namespace: service.namespace, name: service.name };
      recorder.record({ ...event, regarding });
    },
  };
}

/** The first requests are sent before they are counted: they are kept until then. */
function createReports(): { take: ReportListener; listen: (listener: ReportListener) => void } {
  const kept: RequestReport[] = [];
  const state: { listener: ReportListener } = { listener: (report) => void kept.push(report) };
  return {
    take: (report) => state.listener(report),
    listen: (listener) => {
      kept.splice(0).forEach(listener);
      state.listener = listener;
    },
  };
}
