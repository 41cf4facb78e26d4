/** The description of a Service as text, in the layout of `kubectl describe`. */
import { formatAddressPort, type KernelService, type ServiceDescription } from '@signalbox/core';
import type { ServiceAnswer } from '../inspect/answers.ts';
import { endpointColumns } from '../inspect/endpoint-columns.ts';
import { endpointState } from '../inspect/endpoint-state.ts';
import { serviceRows } from '../inspect/service-rows.ts';
import { textFields, textTable } from './text-table.ts';

type Port = ServiceDescription['ports'][number];
type Endpoint = Port['endpoints'][number];

const POLICY = { cluster: 'Cluster', local: 'Local' } as const;

const USE: Readonly<Record<Endpoint['use'], string>> = {
  cluster: 'Cluster',
  local: 'Local',
  both: 'Cluster,Local',
  none: '-',
};

export function describeText(answer: ServiceAnswer): string {
  return [head(answer), ...answer.description.ports.map((port) => portText(port, answer)), tail(answer)].join(
    '',
  );
}

function head(answer: ServiceAnswer): string {
  const { description, diagnosis, served } = answer;
  const [type, ...rest] = serviceRows(answer).map(({ name, value }) => [name, value] as const);
  return textFields([
    ['Name', description.name],
    ['Namespace', description.namespace],
    ...(type === undefined ? [] : [type]),
    ['Served', served ? 'yes' : 'no'],
    ['Diagnosis', diagnosis],
    ...rest,
  ]);
}

function portText(port: Port, { kernel }: ServiceAnswer): string {
  const title = `${port.name} ${port.port}/${port.protocol} ${port.family}`.trim();
  const own = kernel?.find(({ family }) => family === port.family);
  const held = own?.servicePorts?.[port.key];
  return [
    `\nPort ${title}: ${port.served ? 'served' : 'not served'}\n`,
    frontendTable(port),
    endpointTable(port, held),
    limitTable(held),
    kernelText(own, held),
  ].join('');
}

function frontendTable({ frontends, protocol }: Port): string {
  const rows = frontends.map((frontend) => [
    frontend.kind,
    `${frontend.address === null ? frontend.port : formatAddressPort(frontend.address, frontend.port)}/${protocol}`,
    POLICY[frontend.policy],
    frontend.state === 'lost' ? `lost to ${frontend.lostTo ?? ''}` : frontend.outcome,
    frontend.rule,
    frontend.sourceRanges === null ? '' : `only from ${frontend.sourceRanges.join(', ')}`,
  ]);
  return textTable([['FRONTEND', 'ADDRESS', 'POLICY', 'CONNECTIONS', 'RULE', ''], ...rows], '  ');
}

function endpointTable({ endpoints }: Port, held: KernelService | undefined): string {
  if (endpoints.length === 0) return '  no endpoints\n';
  const counts = new Map(
    held?.endpoints.map((count) => [formatAddressPort(count.address, count.port), count]),
  );
  const columns = endpointColumns(endpoints, [...counts.values()]);
  const isSkipping = [...counts.values()].some(({ state }) => state !== undefined);
  const rows = endpoints.map((endpoint) => {
    const { address, port } = endpoint;
    const place = port === null ? address : formatAddressPort(address, port);
    const count = counts.get(place);
    return [
      place,
      endpoint.node ?? '-',
      endpoint.zone ?? '-',
      USE[endpoint.use],
      ...columns.map(({ text }) => text(endpoint, count)),
      ...(isSkipping ? [endpointState(count)] : []),
      `${endpoint.reason} (${endpoint.rule})`,
    ];
  });
  const optional = [...columns.map(({ title }) => title.toUpperCase()), ...(isSkipping ? ['STATE'] : [])];
  return textTable([['ENDPOINT', 'NODE', 'ZONE', 'USED WITH', ...optional, 'REASON'], ...rows], '  ');
}

function limitTable(held: KernelService | undefined): string {
  if (held?.limits === undefined) return '';
  const rows = held.limits.map(({ name, now, limit, refused }) => [
    name,
    String(now),
    limit === null ? '-' : String(limit),
    String(refused),
  ]);
  return textTable([['LIMIT OF', 'NOW', 'LIMIT', 'REFUSED'], ...rows], '  ');
}

function kernelText(
  own: NonNullable<ServiceAnswer['kernel']>[number] | undefined,
  held: KernelService | undefined,
): string {
  if (own === undefined) return '';
  if (own.error !== null) return `  kernel (${own.mode}): ${own.error.operation}: ${own.error.message}\n`;
  if (held === undefined || held.objects.length === 0) return `  kernel (${own.mode}): no objects\n`;
  const rows = held.objects.map(({ type, name, within, state }) => [
    `${type}${within === undefined ? '' : ` of ${within}`}`,
    name,
    state,
  ]);
  return textTable([[`KERNEL (${own.mode})`, 'NAME', 'STATE'], ...rows], '  ');
}

function tail({ description, failures }: ServiceAnswer): string {
  const rows = [
    ...(failures ?? []).map(({ family, operation, message }) => [
      'error',
      '',
      `${family}: not programmed: ${operation}: ${message}`,
    ]),
    ...description.problems.map(({ severity, rule, message }) => [severity, rule ?? '', message]),
  ];
  return rows.length === 0 ? '' : `\nProblems\n${textTable(rows, '  ')}`;
}
