/** `signalbox explain FROM TO`: what happens to a packet on this node, and which rule of Kubernetes decides. */
import { formatAddressPort, formatInputProblem } from '@signalbox/core';
import { loopbackNodePortAddresses } from '../node/loopback-node-ports.ts';
import { interfaceAddresses } from '../node/prepare-node.ts';
import { outputFlag, type Command, type Invocation } from './command.ts';
import { explainQuestion, type ExplainAnswer } from './explain-question.ts';
import { loadModel } from './load-model.ts';
import { failed, type Outcome } from './outcome.ts';
import { FROM_FORMS, TO_FORMS } from './parse-question.ts';
import { createPodIndex } from './pods.ts';

export const explainCommand: Command = {
  name: 'explain',
  summary: 'Show what happens to a packet on this node, and which rule of Kubernetes decides',
  description:
    'Reads the objects of the API server, or of --manifests, and changes nothing. With --config, the file describes the proxy, and --kubeconfig replaces the one that it names. Rules such as S24 are described in docs/service-semantics.md.',
  arguments: [
    { name: 'FROM', help: `The source: ${FROM_FORMS}.` },
    { name: 'TO', help: `The destination: ${TO_FORMS}.` },
  ],
  flags: [outputFlag('text', 'json')],
  examples: [
    { line: 'signalbox explain 10.244.1.9 10.96.0.10:80/tcp', what: 'from a pod to a cluster IP' },
    { line: 'signalbox explain 198.51.100.7 192.0.2.10:30080', what: 'from outside to a node port' },
    {
      line: 'signalbox explain pod/shop/cart-7d9f4 shop/web:http --config=config.conf',
      what: 'from a pod to a port of a Service, both by name',
    },
    {
      line: 'signalbox explain 10.244.1.9 web.shop.svc.cluster.local:80 -o json',
      what: 'by the name that DNS has for the Service, as JSON',
    },
  ],
  statuses: {
    0: 'the packet is forwarded, or is of no Service and passes unchanged',
    1: 'error',
    2: 'the packet is rejected or dropped',
  },
  needs: 'settings',
  run: explainPacket,
};

async function explainPacket(invocation: Invocation): Promise<Outcome> {
  const { settings, words, own, terminal } = invocation;
  const [from = '', to = ''] = words;
  const hint = (text: string): void => terminal.hint(text);
  const pods = createPodIndex();
  const model = await loadModel(invocation, (event) => pods.add(event));
  if (typeof model === 'string') return failed(model);
  for (const conflict of model.conflicts()) hint(`Warning: ${formatInputProblem(conflict)}\n`);
  const { nodeName, mode } = settings;
  const world = {
    model,
    nodeName,
    mode,
    pods,
    interfaceAddresses: interfaceAddresses().map(({ address }) => address),
    loopbackNodePorts: loopbackNodePortAddresses(settings),
  };
  const answer = explainQuestion(world, from, to);
  if (typeof answer === 'string') return failed(answer);
  for (const warning of answer.warnings) hint(`Warning: ${warning}\n`);
  terminal.print(own.text('output') === 'json' ? `${JSON.stringify(answer, null, 2)}\n` : render(answer));
  const { kind } = answer.explanation.outcome;
  return { status: kind === 'drop' || kind === 'reject' ? 2 : 0, errors: [] };
}

function render({ packet, explanation, affinity, unusedEndpoints, link }: ExplainAnswer): string {
  const { outcome, servicePort, frontend, rule, reason } = explanation;
  const to = formatAddressPort(packet.destination, packet.destinationPort);
  const rows: (readonly [string, string])[] = [
    ['packet', `${packet.source} -> ${to}/${packet.protocol}`],
    ['service', servicePort === null ? 'none' : `${servicePort} (${frontend?.kind ?? 'no frontend'})`],
    ['outcome', outcome.kind],
    ['because', `${reason} (${rule})`],
  ];
  if (outcome.kind === 'forward') {
    for (const { address, port, masquerade } of outcome.destinations)
      rows.push(['to', `${formatAddressPort(address, port)}${masquerade ? ', masqueraded' : ''}`]);
  }
  if (affinity !== null)
    rows.push([
      'affinity',
      `all connections of a client go to one endpoint for ${affinity.timeoutSeconds} s (S30)`,
    ]);
  for (const { address, port, node, reason: why, rule: by } of unusedEndpoints) {
    const at = port === null ? address : formatAddressPort(address, port);
    rows.push(['unused', `${at}${node === null ? '' : ` on ${node}`}: ${why} (${by})`]);
  }
  if (link !== '') rows.push(['see', link]);
  return rows.map(([name, value]) => `${name.padEnd(9)}${value}\n`).join('');
}
