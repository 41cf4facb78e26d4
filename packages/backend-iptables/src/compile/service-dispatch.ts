/** Which frontend leads to which chain: the entries of one service port in every dispatch tree. */
import type { DesiredServicePort, Family, Frontend } from '@signalbox/core';
import { servicePortLabel } from '@signalbox/core';
import { jump, rule, type TableName, type TypedRule } from '@signalbox/iptables';
import { EXTERNAL_SERVICES, NODE_PORTS, NODE_PORTS_REFUSED, PROXY_FIREWALL, SERVICES } from './names.ts';
import type { CompileContext } from './context.ts';
import { addressKey, portKey } from './dispatch-key.ts';
import { createDispatchTree, type DispatchTree } from './dispatch-tree.ts';
import { toFrontend } from './frontend-match.ts';
import { refusalRules } from './no-endpoints.ts';
import { nodePortRules } from './node-ports.ts';
import { forwards, type Entries } from './routes.ts';
import { firewallRules, type Firewalls } from './source-ranges.ts';
import type { DispatchEntry } from './sorted-entries.ts';

/** In the order in which they must be written: a chain comes after the chains that it leads to. */
export const TREE_KINDS = [
  'firewall',
  'refusedPorts',
  'refusedExternal',
  'refusedCluster',
  'healthChecks',
  'nodePorts',
  'services',
] as const;
export type TreeKind = (typeof TREE_KINDS)[number];

export const TREE_TABLES: Readonly<Record<TreeKind, TableName>> = {
  firewall: 'filter',
  refusedPorts: 'filter',
  refusedExternal: 'filter',
  refusedCluster: 'filter',
  healthChecks: 'filter',
  nodePorts: 'nat',
  services: 'nat',
};

export function createTrees(family: Family): Readonly<Record<TreeKind, DispatchTree>> {
  return {
    firewall: createDispatchTree({
      table: TREE_TABLES.firewall,
      root: PROXY_FIREWALL,
      by: 'address',
      family,
    }),
    refusedPorts: createDispatchTree({
      table: TREE_TABLES.refusedPorts,
      root: NODE_PORTS_REFUSED,
      by: 'port',
      family,
    }),
    refusedExternal: createDispatchTree({
      table: TREE_TABLES.refusedExternal,
      root: EXTERNAL_SERVICES,
      by: 'address',
      family,
    }),
    refusedCluster: createDispatchTree({
      table: TREE_TABLES.refusedCluster,
      root: SERVICES,
      by: 'address',
      family,
    }),
    healthChecks: createDispatchTree({
      table: TREE_TABLES.healthChecks,
      root: NODE_PORTS,
      by: 'port',
      family,
    }),
    nodePorts: createDispatchTree({ table: TREE_TABLES.nodePorts, root: NODE_PORTS, by: 'port', family }),
    services: createDispatchTree({ table: TREE_TABLES.services, root: SERVICES, by: 'address', family }),
  };
}

export type ServiceEntries = Readonly<Record<Exclude<TreeKind, 'healthChecks'>, readonly DispatchEntry[]>>;

export interface ServiceParts {
  readonly service: DesiredServicePort;
  readonly entries: Entries;
  readonly firewalls: Firewalls;
}

export function dispatchEntries(parts: ServiceParts, context: CompileContext): ServiceEntries {
  const found: Record<keyof ServiceEntries, DispatchEntry[]> = {
    firewall: [],
    refusedPorts: [],
    refusedExternal: [],
    refusedCluster: [],
    nodePorts: [],
    services: [],
  };
  for (const frontend of parts.service.frontends) {
    const key = keyOf(parts.service, frontend);
    const add = (tree: keyof ServiceEntries, rules: readonly TypedRule[]): void => {
      if (rules.length > 0) found[tree].push({ key, rules });
    };
    add(refusalTree(frontend), refusalRules(parts.service, frontend, context));
    if (forwards(frontend)) addForwarding(parts, frontend, context, add);
  }
  return found;
}

function addForwarding(
  { service, entries, firewalls }: ServiceParts,
  frontend: Frontend,
  context: CompileContext,
  add: (tree: keyof ServiceEntries, rules: readonly TypedRule[]) => void,
): void {
  const entry = entries.chainOf(frontend);
  if (frontend.kind === 'node-port') {
    add('nodePorts', nodePortRules(service, frontend, entry, context));
    return;
  }
  const firewall = frontend.kind === 'load-balancer' ? firewalls.chainOf(frontend, entry) : null;
  const words = `${servicePortLabel(service.name)} ${FRONTEND_WORDS[frontend.kind]}`;
  const to = toFrontend(frontend.address, service.name.protocol, frontend.port, words);
  add('services', [rule(to, jump(firewall ?? entry))]);
  if (frontend.kind === 'load-balancer' && firewall !== null) {
    add('firewall', firewallRules(service, frontend, firewall));
  }
}

/** The words of kube-proxy's comments. */
const FRONTEND_WORDS = {
  'cluster-ip': 'cluster IP',
  'external-ip': 'external IP',
  'load-balancer': 'loadbalancer IP',
} as const;

function keyOf(service: DesiredServicePort, frontend: Frontend): string {
  const { protocol } = service.name;
  return frontend.kind === 'node-port'
    ? portKey(protocol, frontend.port)
    : addressKey(frontend.address, protocol, frontend.port);
}

function refusalTree(frontend: Frontend): 'refusedPorts' | 'refusedExternal' | 'refusedCluster' {
  if (frontend.kind === 'node-port') return 'refusedPorts';
  return frontend.kind === 'cluster-ip' ? 'refusedCluster' : 'refusedExternal';
}
