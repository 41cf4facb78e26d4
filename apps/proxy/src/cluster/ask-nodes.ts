/** The same question to the proxy of every node: at most so many at a time, each with its own deadline. */
import { fail, succeed, type Result } from '@signalbox/core';
import { inParallel } from '../in-parallel.ts';
import type { ClusterApi, HttpAnswer, PodSelector, ProxyPod } from './cluster-api.ts';

export interface NodeAnswer<T> {
  readonly node: string;
  /** `namespace/name`; null: none runs on this node. */
  readonly pod: string | null;
  /** Or why this node has no answer, in one line. */
  readonly answer: Result<T, string>;
}

/** One path of one node as JSON. `expected`: a field that the answer must have. */
export type ReadPath = (path: string, expected: string) => Promise<Result<unknown, string>>;

export interface Question<T> {
  readonly selector: PodSelector;
  /** Of the metrics address. */
  readonly port: number;
  readonly ask: (read: ReadPath) => Promise<Result<T, string>>;
  readonly onProgress: (done: number, all: number) => void;
}

/** Each takes a connection to the API server, and one from there to a kubelet. */
const AT_ONCE = 16;

/** Sorted by the name of the node; or why nothing is known of the nodes. */
export async function askNodes<T>(
  api: ClusterApi,
  question: Question<T>,
): Promise<Result<NodeAnswer<T>[], string>> {
  const { selector } = question;
  const listed = await api.list(selector);
  if (!listed.ok) return listed;
  const { nodes, pods } = listed.value;
  const withPod = new Set(pods.map(({ node }) => node));
  const absent = nodes.filter((node) => !withPod.has(node));
  const missing = fail(`no pod with ${selector.labels} in namespace ${selector.namespace} on this node`);
  let done = 0;
  question.onProgress(0, pods.length);
  const answers = await inParallel(pods, AT_ONCE, async (pod) => {
    const answer = await askPod(api, pod, question);
    done += 1;
    question.onProgress(done, pods.length);
    const node = pod.node === '' ? '(not scheduled)' : pod.node;
    return { node, pod: `${pod.namespace}/${pod.name}`, answer };
  });
  const all = [...absent.map((node) => ({ node, pod: null, answer: missing })), ...answers];
  return succeed(all.sort((a, b) => compare(a.node, b.node)));
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

async function askPod<T>(
  api: ClusterApi,
  pod: ProxyPod,
  { port, ask }: Question<T>,
): Promise<Result<T, string>> {
  const name = `pod ${pod.namespace}/${pod.name}`;
  if (pod.notReady?.startsWith('has phase') === true) return fail(`${name} ${pod.notReady}`);
  const answer = await ask(async (path, expected) => {
    const got = await api.get(pod, port, path);
    return got.ok ? readJson(got.value, { path, expected, name }) : got;
  });
  // One that is not ready may answer, with what it waits for.
  if (answer.ok || pod.notReady === null) return answer;
  return fail(`${answer.error} (the pod ${pod.notReady})`);
}

interface Expected {
  readonly path: string;
  readonly expected: string;
  /** For errors. */
  readonly name: string;
}

function readJson({ status, body }: HttpAnswer, { path, expected, name }: Expected): Result<unknown, string> {
  const parsed = parse(body);
  const [plain = path] = path.split('?');
  if (parsed === null && status === 404)
    return fail(`${name}: does not serve ${plain}: kube-proxy, or an earlier version of Signalbox`);
  if (parsed !== null && expected in parsed) return succeed(parsed);
  if (parsed !== null && typeof parsed['error'] === 'string') return fail(parsed['error']);
  return fail(`${name}: ${plain}: HTTP status ${status} without ${expected}: another version of Signalbox`);
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
