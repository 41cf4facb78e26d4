/** `signalbox test`: tests the Services of this node by connections to their frontends. */
import { canonicalAddress, type Model } from '@signalbox/core';
import { createConntrackClient } from '@signalbox/netlink';
import { openTestPod } from '../connectivity/open-test-pod.ts';
import type { TemporaryPod } from '../connectivity/pod.ts';
import { renderReport, type ProbeResult } from '../connectivity/probe-report.ts';
import { testServices } from '../connectivity/test-services.ts';
import { didYouMean } from '../flags/nearest.ts';
import { outputFlag, type Command, type Invocation } from './command.ts';
import { loadModel } from './load-model.ts';
import { failed, type Outcome } from './outcome.ts';

export const testCommand: Command = {
  name: 'test',
  summary: 'Connect to every cluster IP and node port from this node and from a temporary pod',
  description:
    'Opens connections, closes them and changes nothing. The temporary pod is a network namespace of a child process, with an address of the pod CIDR of this node; it needs root, and the commands ip and unshare. Connection tracking shows which endpoint had each connection. A datagram without an answer is not a failure: many UDP servers answer only what they understand.',
  arguments: [{ name: 'SERVICE', help: 'NAMESPACE/NAME: only this Service.', optional: true }],
  flags: [
    outputFlag('text', 'json'),
    { name: 'connections', kind: 'int32', initial: '10', help: 'Connections to each frontend, 1 to 100.' },
    { name: 'timeout', kind: 'duration', initial: '2s', help: 'Time for one connection.' },
    {
      name: 'time-limit',
      kind: 'duration',
      initial: '1m0s',
      help: 'Time for all connections; frontends that are not tested by then are skipped.',
    },
    {
      name: 'from',
      kind: 'string',
      choices: ['both', 'node', 'pod'],
      initial: 'both',
      help: 'Where the connections come from.',
    },
    {
      name: 'pod-address',
      kind: 'string',
      placeholder: 'IP[,IP]',
      help: 'Unused addresses for the temporary pod, one a family, instead of the last free ones of the pod CIDRs.',
    },
  ],
  examples: [
    { line: 'signalbox test --config=/var/lib/kube-proxy/config.conf', what: 'every Service, on the node' },
    { line: 'signalbox test shop/web --from=node -o json', what: 'one Service, from the node, as JSON' },
  ],
  statuses: { 0: 'every connection was answered', 1: 'error', 2: 'some connections were not answered' },
  needs: 'settings',
  run: runTest,
};

const MAX_CONNECTIONS = 100;

async function runTest(invocation: Invocation): Promise<Outcome> {
  const { own, words } = invocation;
  const mistake = mistakeIn(invocation);
  if (mistake !== null) return failed(mistake);
  const model = await loadModel(invocation);
  if (typeof model === 'string') return failed(model);
  const only = words[0] ?? null;
  if (only !== null && model.tracked(only).service === null)
    return failed(`SERVICE: ${only} is not served on this node${didYouMean(only, model.services())}`);
  const from = own.text('from');
  const addresses = listOf(own.text('pod-address')).map((item) => canonicalAddress(item) ?? item);
  const opened = from === 'node' ? null : await openTestPod({ model, addresses });
  if (typeof opened !== 'string') return testAndReport(invocation, { model, pod: opened, only, skipped: [] });
  if (from === 'pod') return failed(`temporary pod: ${opened}`);
  return testAndReport(invocation, {
    model,
    pod: null,
    only,
    skipped: [`connections from a pod: ${opened}`],
  });
}

/** The error in the flags. */
function mistakeIn({ own, settings }: Invocation): string | null {
  const connections = own.number('connections');
  if (settings.mode.platform !== 'linux') return 'signalbox test: only on Linux';
  if (connections < 1 || connections > MAX_CONNECTIONS)
    return `--connections: ${connections} is not within the range [1, ${MAX_CONNECTIONS}]`;
  if (own.number('timeout') <= 0) return '--timeout: must be greater than 0s';
  const bad = listOf(own.text('pod-address')).find((item) => canonicalAddress(item) === null);
  return bad === undefined ? null : `--pod-address: ${bad} is not an IP address`;
}

function listOf(text: string): readonly string[] {
  return text.split(',').filter((item) => item !== '');
}

interface Testing {
  readonly model: Model;
  readonly pod: TemporaryPod | null;
  readonly only: string | null;
  readonly skipped: readonly string[];
}

async function testAndReport(
  { own, settings, composition, terminal }: Invocation,
  { model, pod, only, skipped }: Testing,
): Promise<Outcome> {
  const flows = createConntrackClient();
  try {
    const results = await testServices({
      model,
      only,
      pod,
      fromNode: own.text('from') !== 'pod',
      unused: settings.mode.unusedClusterIPs,
      run: {
        flows,
        clock: composition.clock,
        tries: own.number('connections'),
        timeout: own.number('timeout'),
        limit: own.number('time-limit'),
      },
    });
    terminal.print(own.text('output') === 'json' ? json(results, skipped) : renderReport(results, skipped));
    return { status: results.some(({ state }) => state === 'unanswered') ? 2 : 0, errors: [] };
  } finally {
    flows.close();
    await pod?.close();
  }
}

function json(results: readonly ProbeResult[], skipped: readonly string[]): string {
  return `${JSON.stringify({ results, skipped }, null, 2)}\n`;
}
