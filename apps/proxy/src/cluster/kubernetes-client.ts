/**
 * The cluster by @kubernetes/client-node. The proxy never loads this file: a bundle of its own (tsup.config.ts), several times the
 * size of the program.
 */
import { CoreV1Api, KubeConfig, type V1Pod } from '@kubernetes/client-node';
import { fail, succeed, type Result } from '@signalbox/core';
import type { ClusterApi, ClusterOptions, NodeList, PodSelector, ProxyPod } from './cluster-api.ts';
import { describeFailure } from './describe-failure.ts';
import { getThroughPod } from './pod-get.ts';
import { withinDeadline } from './within-deadline.ts';

export function openCluster(options: ClusterOptions): Result<ClusterApi, string> {
  const config = new KubeConfig();
  try {
    if (options.kubeconfig === '') config.loadFromDefault();
    else config.loadFromFile(options.kubeconfig);
  } catch (error) {
    return fail(`${options.kubeconfig || 'kubeconfig'}: ${describeFailure(error)}`);
  }
  if (options.context !== '') {
    const names = config.getContexts().map(({ name }) => name);
    if (!names.includes(options.context))
      return fail(`--context: ${options.context} is not one of ${names.join(', ') || 'no contexts'}`);
    config.setCurrentContext(options.context);
  }
  const server = config.getCurrentCluster()?.server;
  if (server === undefined)
    return fail(`${options.kubeconfig || 'kubeconfig'}: the current context has no cluster`);
  const api = config.makeApiClient(CoreV1Api);
  const { clock, deadline } = options;
  return succeed({
    list: (selector) =>
      withinDeadline(listAll(api, selector), { clock, deadline, what: `API server ${server}` }),
    get: (pod, port, path) => getThroughPod(config, { pod, port, path, clock, deadline }),
  });
}

/** Objects in one answer of the API server. */
const PAGE = 500;

interface Page<T> {
  readonly items: T[];
  readonly metadata?: { readonly _continue?: string };
}

async function everyPage<T>(read: (next: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  let next: string | undefined;
  do {
    const { items, metadata } = await read(next);
    all.push(...items);
    next = metadata?._continue;
  } while (next !== undefined && next !== '');
  return all;
}

async function listAll(api: CoreV1Api, { namespace, labels }: PodSelector): Promise<NodeList> {
  const page = (next: string | undefined): { limit: number; _continue?: string } =>
    next === undefined ? { limit: PAGE } : { limit: PAGE, _continue: next };
  const [nodes, pods] = await Promise.all([
    everyPage((next) => api.listNode(page(next))),
    everyPage((next) => api.listNamespacedPod({ namespace, labelSelector: labels, ...page(next) })),
  ]);
  return { nodes: nodes.map(({ metadata }) => metadata?.name ?? ''), pods: pods.map(toProxyPod) };
}

function toProxyPod({ metadata, spec, status }: V1Pod): ProxyPod {
  const { namespace = '', name = '', deletionTimestamp } = metadata ?? {};
  const node = spec?.nodeName ?? '';
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const notReady =
    deletionTimestamp !== undefined
      ? 'is terminating'
      : status?.phase !== 'Running'
        ? `has phase ${status?.phase ?? 'Unknown'}`
        : ready?.status === 'True'
          ? null
          : 'is not ready';
  return { namespace, name, node, notReady };
}
