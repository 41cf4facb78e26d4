/** `signalbox explain FROM TO`: what happens to a packet on this node, and which rule of Kubernetes decides. */
import {
  explain,
  formatAddressPort,
  formatInputProblem,
  type Explanation,
  type Packet,
} from '@signalbox/core';
import type { Composition } from '../compose/composition.ts';
import type { Settings } from '../config/settings.ts';
import type { Logger } from '../logging/logger.ts';
import { interfaceAddresses } from '../node/prepare-node.ts';
import { EXPLAIN_USAGE, parseQuestion } from './explain-question.ts';
import { loadObjects } from './load-objects.ts';
import { DONE, failed, type Outcome } from './outcome.ts';

export interface ExplainOptions {
  readonly settings: Settings;
  readonly composition: Composition;
  readonly logger: Logger;
  /** What follows the word `explain`. */
  readonly words: readonly string[];
  readonly print: (text: string) => void;
  /** For what is wrong with the objects, or on the way to them; beside the answer. */
  readonly hint: (text: string) => void;
}

export async function explainPacket(options: ExplainOptions): Promise<Outcome> {
  const { settings, composition, logger, words } = options;
  const [from, to, ...more] = words;
  if (from === undefined || to === undefined || more.length > 0) return failed(EXPLAIN_USAGE);
  const bundle = await composition.createSource(settings, logger);
  if (typeof bundle === 'string') return failed(bundle);
  const model = composition.createModel(settings);
  model.setInterfaceAddresses(interfaceAddresses());
  const { clock } = composition;
  const missing = await loadObjects(bundle.source, [model], { clock, hint: options.hint });
  if (missing !== null) return failed(missing);
  for (const conflict of model.conflicts()) options.hint(`Warning: ${formatInputProblem(conflict)}\n`);
  const { ips } = model.node();
  const addresses = [...Object.values(ips), ...interfaceAddresses().map(({ address }) => address)];
  const question = parseQuestion(from, to, addresses);
  if (typeof question === 'string') return failed(question);
  const { state } = model.build(question.family);
  options.print(
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
