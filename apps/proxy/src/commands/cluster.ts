/** `signalbox cluster ACTION`: every node of a cluster at once, from any machine with a kubeconfig. */
import { parseAddressPort, SERVER_PORTS } from '../config/ip.ts';
import { fail, parseDuration, succeed, type Result } from '@signalbox/core';
import type * as client from '../cluster/kubernetes-client.ts';
import { askNodes, type NodeAnswer } from '../cluster/ask-nodes.ts';
import type { ClusterApi } from '../cluster/cluster-api.ts';
import { paragraphs, seenBy, unansweredText, type ClusterAction } from '../cluster/cluster-action.ts';
import { describeAction } from '../cluster/describe-action.ts';
import { diffAction } from '../cluster/diff-action.ts';
import { explainAction } from '../cluster/explain-action.ts';
import { statusAction } from '../cluster/status-action.ts';
import { outputFlag, type Command, type Invocation } from './command.ts';
import type { Outcome } from './outcome.ts';
import { noPodNames, parseFrom, parseTo } from './parse-question.ts';

export const clusterCommand: Command = {
  name: 'cluster',
  summary: 'Show the state of all nodes of a cluster, and where they differ',
  description:
    'Asks the proxy of every node by a port-forward to its pod, with the rights of the kubeconfig: list of nodes and pods, get and create of pods/portforward. Without --kubeconfig: as kubectl finds it. Nodes that do not answer are listed with the reason.',
  arguments: [
    {
      name: 'ACTION',
      help: 'What is asked of each node.',
      choices: ['status', 'describe', 'explain', 'diff'],
    },
    {
      name: 'SERVICE|FROM',
      help: 'With describe: NAMESPACE/NAME. With explain: the address of the source.',
      optional: true,
    },
    { name: 'TO', help: 'With explain: the destination.', optional: true },
  ],
  flags: [
    { name: 'context', kind: 'string', help: 'Context of the kubeconfig; empty: the current one.' },
    {
      name: 'namespace',
      short: 'n',
      kind: 'string',
      initial: 'kube-system',
      help: 'Namespace of the pods of the proxy.',
    },
    {
      name: 'selector',
      short: 'l',
      kind: 'string',
      initial: 'k8s-app=kube-proxy',
      help: 'Labels of the pods of the proxy.',
    },
    {
      name: 'node-timeout',
      kind: 'string',
      initial: '10s',
      placeholder: 'duration',
      help: 'How long to wait for the API server, and for each answer of a node.',
    },
    outputFlag('text', 'json'),
  ],
  examples: [
    {
      line: 'signalbox cluster status --kubeconfig admin.conf',
      what: 'all nodes; Services on which they disagree first',
    },
    { line: 'signalbox cluster describe shop/web', what: 'one Service, as each node serves it' },
    {
      line: 'signalbox cluster explain 198.51.100.7 192.0.2.10:30080 -o json',
      what: 'one packet, on every node',
    },
    { line: 'signalbox cluster diff', what: 'nodes whose kernel differs from the desired state' },
  ],
  statuses: {
    0: 'ready, served, forwarded or equal, on every node',
    1: 'error; with describe and explain also: a node did not answer; with diff: different',
    2: 'degraded, not served, dropped or rejected, on some node; with diff: error',
  },
  needs: 'settings',
  run: runCluster,
};

type Chosen = Result<ClusterAction<unknown>, string>;

/** What every node would answer with the same error. */
function wrongQuestion(from: string, to: string): string | null {
  const [source, target] = [parseFrom(from), parseTo(to)];
  if (typeof source === 'string') return source;
  if (source.kind === 'pod') return noPodNames(source);
  return typeof target === 'string' ? target : null;
}

/** The arguments and the function of each action. */
function chooseAction([action = '', first, second]: readonly string[]): Chosen {
  const ok = (value: unknown): Chosen => succeed(value as ClusterAction<unknown>);
  if (action === 'explain') {
    if (first === undefined || second === undefined)
      return fail(`${first === undefined ? 'FROM' : 'TO'}: required`);
    const wrong = wrongQuestion(first, second);
    return wrong === null ? ok(explainAction(first, second)) : fail(wrong);
  }
  if (second !== undefined)
    return fail(`${action} does not take more arguments, got ${JSON.stringify(second)}`);
  if (action === 'describe') {
    if (first === undefined) return fail('SERVICE: required');
    const chosen = describeAction(first);
    return chosen.ok ? ok(chosen.value) : fail(`SERVICE: ${chosen.error}`);
  }
  if (first !== undefined) return fail(`${action} does not take any arguments, got ${JSON.stringify(first)}`);
  return ok(action === 'diff' ? diffAction : statusAction);
}

/** The status of an error: of diff, 1 means different. */
function trouble([action]: readonly string[], error: string): Outcome {
  return { status: action === 'diff' ? 2 : 1, errors: [error] };
}

async function runCluster(invocation: Invocation): Promise<Outcome> {
  const { words, own, settings } = invocation;
  const chosen = chooseAction(words);
  if (!chosen.ok) return trouble(words, chosen.error);
  const deadline = parseDuration(own.text('node-timeout'));
  if (deadline === null || deadline <= 0)
    return trouble(words, `--node-timeout: ${own.text('node-timeout')} is not a duration such as 10s`);
  const loaded = await loadClient();
  if (typeof loaded === 'string') return trouble(words, loaded);
  const { clock } = invocation.composition;
  const { kubeconfig } = settings.config.clientConnection;
  const opened = loaded.openCluster({ kubeconfig, context: own.text('context'), clock, deadline });
  if (!opened.ok) return trouble(words, opened.error);
  return ask(opened.value, chosen.value, invocation);
}

/** Loaded only for this command: the client is several times the size of the program. Or why it cannot be loaded. */
async function loadClient(): Promise<Pick<typeof client, 'openCluster'> | string> {
  try {
    return await import('../cluster/kubernetes-client.ts');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return `the Kubernetes client cannot be loaded by Node.js ${process.version}; it requires 22.19 or later: ${reason}`;
  }
}

async function ask(
  api: ClusterApi,
  action: ClusterAction<unknown>,
  { own, settings, terminal, words }: Invocation,
): Promise<Outcome> {
  const address = parseAddressPort(settings.config.metricsBindAddress);
  const answers = await askNodes(api, {
    selector: { namespace: own.text('namespace'), labels: own.text('selector') },
    port: typeof address === 'string' ? SERVER_PORTS.metrics : address.port,
    ask: action.ask,
    onProgress: (done, all) => terminal.progress?.(done === all ? '' : progressBar(done, all)),
  });
  if (!answers.ok) return trouble(words, answers.error);
  if (answers.value.length === 0) return trouble(words, 'the cluster has no nodes');
  terminal.print(
    own.text('output') === 'json' ? asJson(answers.value, action) : asText(answers.value, action),
  );
  const seen = seenBy(answers.value);
  if (seen.length === 0) return trouble(words, 'no node answered');
  return { status: action.status(seen, answers.value.length - seen.length), errors: [] };
}

type Answers = readonly NodeAnswer<unknown>[];

function asJson(answers: Answers, action: ClusterAction<unknown>): string {
  const nodes = answers.map(({ node, pod, answer }) =>
    answer.ok ? { node, pod, answer: answer.value } : { node, pod, error: answer.error },
  );
  return `${JSON.stringify({ ...action.summary(seenBy(answers)), nodes }, null, 2)}\n`;
}

function asText(answers: Answers, action: ClusterAction<unknown>): string {
  const seen = seenBy(answers);
  return paragraphs(seen.length === 0 ? '' : action.text(seen), unansweredText(answers));
}

const WIDTH = 30;

function progressBar(done: number, all: number): string {
  const filled = Math.round((done / all) * WIDTH);
  return `[${'#'.repeat(filled).padEnd(WIDTH, '.')}] ${done} of ${all} nodes`;
}
