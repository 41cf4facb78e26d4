/** `signalbox explain FROM TO`: what happens to a packet on this node, and which rule of Kubernetes decides. */
import {
  explain,
  formatAddressPort,
  formatInputProblem,
  type Explanation,
  type Packet,
} from '@signalbox/core';
import { interfaceAddresses } from '../node/prepare-node.ts';
import type { Command, Invocation } from './command.ts';
import { parseQuestion } from './explain-question.ts';
import { loadObjects } from './load-objects.ts';
import { DONE, failed, type Outcome } from './outcome.ts';

export const explainCommand: Command = {
  name: 'explain',
  summary: 'Show what happens to a packet on this node, and which rule of Kubernetes decides',
  arguments: [
    { name: 'FROM', help: 'The source: address[%interface].' },
    { name: 'TO', help: 'The destination: address:port[/tcp|udp|sctp].' },
  ],
  flags: [],
  examples: [
    { line: 'signalbox explain 10.244.1.9 10.96.0.10:80/tcp', what: 'from a pod to a cluster IP' },
    { line: 'signalbox explain 198.51.100.7 192.0.2.10:30080', what: 'from outside to a node port' },
  ],
  statuses: { 0: 'explained', 1: 'error' },
  needs: 'settings',
  run: explainPacket,
};

async function explainPacket({
  settings,
  composition,
  logging,
  words,
  terminal,
}: Invocation): Promise<Outcome> {
  const [from = '', to = ''] = words;
  const hint = (text: string): void => terminal.hint(text);
  const bundle = await composition.createSource(settings, logging.logger);
  if (typeof bundle === 'string') return failed(bundle);
  const model = composition.createModel(settings);
  model.setInterfaceAddresses(interfaceAddresses());
  const { clock } = composition;
  const missing = await loadObjects(bundle.source, [model], { clock, hint });
  if (missing !== null) return failed(missing);
  for (const conflict of model.conflicts()) hint(`Warning: ${formatInputProblem(conflict)}\n`);
  const { ips } = model.node();
  const addresses = [...Object.values(ips), ...interfaceAddresses().map(({ address }) => address)];
  const question = parseQuestion(from, to, addresses);
  if (typeof question === 'string') return failed(question);
  const { state } = model.build(question.family);
  terminal.print(
    render(
      question.packet,
      explain(state, question.packet, { addresses, unused: settings.mode.unusedClusterIPs }),
    ),
  );
  return DONE;
}

function render(packet: Packet, { outcome, servicePort, frontend, rule, reason }: Explanation): string {
  const rows: (readonly [string, string])[] = [
    [
      'packet',
      `${packet.source} -> ${formatAddressPort(packet.destination, packet.destinationPort)}/${packet.protocol}`,
    ],
    ['service', servicePort === null ? 'none' : `${servicePort} (${frontend?.kind ?? 'no frontend'})`],
    ['outcome', outcome.kind],
    ['because', `${reason} (${rule})`],
  ];
  if (outcome.kind === 'forward') {
    for (const { address, port, masquerade } of outcome.destinations) {
      rows.push(['to', `${formatAddressPort(address, port)}${masquerade ? ', masqueraded' : ''}`]);
    }
  }
  return rows.map(([name, value]) => `${name.padEnd(9)}${value}\n`).join('');
}
