/** What `signalbox cluster` needs of a cluster. Types only: what implements them is loaded when a command needs it. */
import type { Clock, Result } from '@signalbox/core';

export interface ProxyPod {
  readonly namespace: string;
  readonly name: string;
  /** Empty: not scheduled. */
  readonly node: string;
  /** Why it is not expected to answer: `phase Pending`, `not ready`; null: ready. */
  readonly notReady: string | null;
}

export interface NodeList {
  readonly nodes: readonly string[];
  readonly pods: readonly ProxyPod[];
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/** Errors are one line. */
export interface ClusterApi {
  /** The nodes of the cluster, and the pods of the proxy. */
  list(selector: PodSelector): Promise<Result<NodeList, string>>;
  /** GET through a port-forward to this pod. */
  get(pod: ProxyPod, port: number, path: string): Promise<Result<HttpAnswer, string>>;
}

export interface PodSelector {
  readonly namespace: string;
  readonly labels: string;
}

export interface ClusterOptions {
  /** Empty: as kubectl finds it, by `KUBECONFIG` or in the home folder. */
  readonly kubeconfig: string;
  /** Empty: the current one. */
  readonly context: string;
  readonly clock: Clock;
  /** Milliseconds for a list, and for each answer of a node. */
  readonly deadline: number;
}
