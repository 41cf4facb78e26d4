/** The properties of a Service as rows, the same in `signalbox describe` and on the page. */
import { familyOf, type ServiceDescription } from '@signalbox/core';
import type { ServiceAnswer } from './answers.ts';

export interface ServiceRow {
  readonly name: string;
  /** Empty: the Service does not have it. */
  readonly value: string;
  /** For a layout that shows the row all the same; null: it is left out there too. */
  readonly absent: string | null;
}

const POLICY = { cluster: 'Cluster', local: 'Local' } as const;

export function serviceRows({ description, failures }: ServiceAnswer): readonly ServiceRow[] {
  const { type, policies, externalFailover, affinity, balancing, sourceRanges } = description;
  const { healthCheckNodePort, node, families, ports } = description;
  // Without a proxy, the addresses of the node are not known.
  const isServing = failures !== null;
  const nodePortFamilies = ports.flatMap(({ nodePort, family }) => (nodePort === null ? [] : family));
  const nodePortsAt = node.nodePortAddresses.filter((address) =>
    nodePortFamilies.includes(familyOf(address)),
  );
  const unserved = families.filter(({ served }) => !served);
  return [
    row('Type', type ?? '', 'none'),
    row('Internal traffic policy', policies === null ? '' : POLICY[policies.internal], 'none'),
    row('External traffic policy', policies === null ? '' : POLICY[policies.external], 'none'),
    row('External failover', externalFailover ?? '', 'default of the mode'),
    row(
      'Session affinity',
      affinity === null ? '' : `${affinity.kind}, ${affinity.timeoutSeconds} s`,
      'none',
    ),
    row('Load balancing', balancing ?? '', 'default of the mode'),
    row('Source ranges', sourceRanges.join(', '), 'all'),
    row('Health check node port', String(healthCheckNodePort ?? ''), 'none'),
    row('Node ports at', isServing ? nodePortsAt.join(', ') : '', null),
    row('Node', nodeText(node), null),
    row('Not served in', unserved.map(({ family, reason }) => `${family}: ${reason ?? ''}`).join('; '), null),
  ];
}

function row(name: string, value: string, absent: string | null): ServiceRow {
  return { name, value, absent };
}

function nodeText({ name, zone, known }: ServiceDescription['node']): string {
  return `${name}, ${zone === null ? 'no zone' : `zone ${zone}`}${known ? '' : ', not known'}`;
}
