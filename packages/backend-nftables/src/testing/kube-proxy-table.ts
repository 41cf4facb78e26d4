/**
 * A whole sync of kube-proxy's nftables mode as a script for nft: base and stock chains made anew, stock sets filled anew, a
 * chain with an anonymous map for each service port, chains and sets for endpoints of services with session affinity.
 */
import type { DesiredEndpoint, DesiredServicePort, DesiredState, Frontend, Route } from '@signalbox/core';
import { affinityChains, affinityEndpoint } from '../compile/names.ts';
import { frontendKey, protocolOf } from '../compile/frontend-key.ts';

interface Script {
  readonly ip: 'ip' | 'ip6';
  readonly table: string;
  readonly lines: string[];
}

const MARK = '0x4000';

const BASES = [
  ['filter-prerouting-pre-dnat', 'filter', 'prerouting', '-110', ['ct state new jump firewall-check']],
  ['filter-output-pre-dnat', 'filter', 'output', '-110', ['ct state new jump firewall-check']],
  [
    'filter-input',
    'filter',
    'input',
    '0',
    ['ct state new jump nodeport-endpoints-check', 'ct state new jump service-endpoints-check'],
  ],
  [
    'filter-forward',
    'filter',
    'forward',
    '0',
    ['ct state new jump service-endpoints-check', 'ct state new jump cluster-ips-check'],
  ],
  [
    'filter-output',
    'filter',
    'output',
    '0',
    ['ct state new jump service-endpoints-check', 'ct state new jump cluster-ips-check'],
  ],
  ['nat-prerouting', 'nat', 'prerouting', '-100', ['jump services']],
  ['nat-output', 'nat', 'output', '-100', ['jump services']],
  ['nat-postrouting', 'nat', 'postrouting', '100', ['jump masquerading']],
] as const;

export function kubeProxySync(state: DesiredState): string {
  const ip = state.family === 'IPv4' ? 'ip' : 'ip6';
  const script: Script = { ip, table: `${ip} kube-proxy`, lines: [] };
  script.lines.push(`add table ${script.table} { comment "rules for kube-proxy" ; }`);
  baseChains(script);
  stockSets(script);
  const services = [...state.servicePorts.values()];
  for (const service of services) servicePort(script, service, state);
  stockChains(script, state);
  return `${script.lines.join('\n')}\n`;
}

/** The chains that a sync of kube-proxy finds stale: emptied with it, deleted a second later. */
export function kubeProxyRemovals(state: DesiredState, chains: readonly string[]): readonly [string, string] {
  const table = `${state.family === 'IPv4' ? 'ip' : 'ip6'} kube-proxy`;
  const own = new Set([...state.servicePorts.values()].flatMap(chainsOf));
  const stale = chains.filter((name) => name.includes('/') && !own.has(name));
  const lines = (verb: string): string => stale.map((name) => `${verb} chain ${table} ${name}`).join('\n');
  return [lines('flush'), lines('delete')];
}

function chainsOf({
  name,
  affinity,
  clusterEndpoints,
  localEndpoints,
}: DesiredServicePort): readonly string[] {
  const { cluster, local, external } = affinityChains(name);
  const endpoints = [...clusterEndpoints, ...localEndpoints].map(
    (each) => affinityEndpoint(name, each).chain,
  );
  const firewall = cluster.replace('service-', 'firewall-');
  return [cluster, local, external, firewall, ...(affinity === null ? [] : endpoints)];
}

/** Deleted and added: a priority cannot be changed. */
function baseChains({ table, lines }: Script): void {
  const targets = [
    'services',
    'masquerading',
    'firewall-check',
    'service-endpoints-check',
    'nodeport-endpoints-check',
  ];
  for (const chain of [...targets, 'cluster-ips-check', 'reject-chain'])
    lines.push(`add chain ${table} ${chain}`);
  for (const [name, type, hook, priority, rules] of BASES) {
    const chain = `add chain ${table} ${name} { type ${type} hook ${hook} priority ${priority} ; }`;
    lines.push(chain, `delete chain ${table} ${name}`, chain);
    for (const rule of rules) lines.push(`add rule ${table} ${name} ${rule}`);
  }
}

function stockSets({ ip, table, lines }: Script): void {
  const address = ip === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  const key = `${address} . inet_proto . inet_service`;
  const sets = [
    ['set', 'cluster-ips', address, 'Active ClusterIPs'],
    ['set', 'hairpin-connections', `${address} . ${key}`, 'service hairpin connections'],
    [
      'map',
      'no-endpoint-services',
      `${key} : verdict`,
      'vmap to drop or reject packets to services with no endpoints',
    ],
    [
      'map',
      'no-endpoint-nodeports',
      'inet_proto . inet_service : verdict',
      'vmap to drop or reject packets to service nodeports with no endpoints',
    ],
    ['map', 'firewall-ips', `${key} : verdict`, 'destinations that are subject to LoadBalancerSourceRanges'],
    ['map', 'service-ips', `${key} : verdict`, 'ClusterIP, ExternalIP and LoadBalancer IP traffic'],
    ['map', 'service-nodeports', 'inet_proto . inet_service : verdict', 'NodePort traffic'],
  ] as const;
  for (const [kind, name, type, comment] of sets) {
    lines.push(
      `add ${kind} ${table} ${name} { type ${type} ; comment "${comment}" ; }`,
      `flush ${kind} ${table} ${name}`,
    );
  }
}

function stockChains(script: Script, { node, family }: DesiredState): void {
  const { ip, table, lines } = script;
  const key = `${ip} daddr . meta l4proto . th dport`;
  const toNodePort = `fib daddr type local ${ip} daddr != ${family === 'IPv4' ? '127.0.0.0/8' : '::1'} meta l4proto . th dport`;
  const detector =
    node.localDetector.kind === 'cidrs' ? `${ip} saddr != ${node.localDetector.cidrs[0]} ` : '';
  const chains: Readonly<Record<string, readonly string[]>> = {
    services: [
      `${ip} daddr @cluster-ips ${detector}mark set mark or ${MARK} comment "masquerade clusterIP traffic from outside cluster"`,
      `${key} vmap @service-ips`,
      `${toNodePort} vmap @service-nodeports`,
    ],
    'firewall-check': [`${key} vmap @firewall-ips`],
    'service-endpoints-check': [`${key} vmap @no-endpoint-services`],
    'nodeport-endpoints-check': [`${toNodePort} vmap @no-endpoint-nodeports`],
    'cluster-ips-check': [
      `${ip} daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"`,
    ],
    'reject-chain': ['reject'],
    masquerading: [
      `mark and ${MARK} != 0 mark set mark xor ${MARK} masquerade fully-random`,
      `ct status dnat ${ip} saddr . ${key} @hairpin-connections masquerade fully-random`,
    ],
  };
  for (const [name, rules] of Object.entries(chains)) writeChain(script, name, rules);
  lines.push(`add table ${table}`);
}

function writeChain({ table, lines }: Script, name: string, rules: readonly string[]): void {
  lines.push(`add chain ${table} ${name}`, `flush chain ${table} ${name}`);
  for (const rule of rules) lines.push(`add rule ${table} ${name} ${rule}`);
}

function servicePort(script: Script, service: DesiredServicePort, state: DesiredState): void {
  const { name, clusterEndpoints, localEndpoints, affinity } = service;
  const { cluster, local, external } = affinityChains(name);
  if (affinity !== null) endpointChains(script, service, affinity.timeoutSeconds);
  if (clusterEndpoints.length > 0) writeChain(script, cluster, balancing(script, service, clusterEndpoints));
  if (localEndpoints.length > 0) writeChain(script, local, balancing(script, service, localEndpoints));
  const outside = service.frontends.find(({ kind }) => kind !== 'cluster-ip');
  const chains = { cluster, local };
  if (outside !== undefined) {
    writeChain(
      script,
      external,
      outside.routes.flatMap((route) => routeRules(script, route, { chains, state })),
    );
  }
  for (const frontend of service.frontends)
    frontendElements(script, frontend, { service, chains: { ...chains, external } });
}

function endpointChains(script: Script, service: DesiredServicePort, timeout: number): void {
  const { ip, table, lines } = script;
  const address = ip === 'ip' ? 'ipv4_addr' : 'ipv6_addr';
  for (const endpoint of [...service.clusterEndpoints, ...service.localEndpoints]) {
    const { chain, set } = affinityEndpoint(service.name, endpoint);
    const to = ip === 'ip' ? endpoint.address : `[${endpoint.address}]`;
    lines.push(`add set ${table} ${set} { type ${address} ; flags dynamic,timeout ; timeout ${timeout}s ; }`);
    writeChain(script, chain, [
      `update @${set} { ${ip} saddr }`,
      `meta l4proto ${protocolOf(service.name)} dnat to ${to}:${endpoint.port}`,
    ]);
  }
}

function balancing(
  { ip }: Script,
  { name, affinity }: DesiredServicePort,
  endpoints: readonly DesiredEndpoint[],
) {
  const choice = `numgen random mod ${endpoints.length}`;
  if (affinity === null) {
    const targets = endpoints.map(({ address, port }, index) => `${index} : ${address} . ${port}`);
    return [
      `meta l4proto ${protocolOf(name)} dnat ${ip} addr . port to ${choice} map { ${targets.join(' , ')} }`,
    ];
  }
  const names = endpoints.map((endpoint) => affinityEndpoint(name, endpoint));
  const known = names.map(({ chain, set }) => `${ip} saddr @${set} goto ${chain}`);
  return [
    ...known,
    `${choice} vmap { ${names.map(({ chain }, index) => `${index} : goto ${chain}`).join(' , ')} }`,
  ];
}

interface RouteContext {
  readonly chains: { readonly cluster: string; readonly local: string };
  readonly state: DesiredState;
}

function routeRules({ ip }: Script, route: Route, { chains, state }: RouteContext): readonly string[] {
  if (route.target !== 'cluster' && route.target !== 'local') return [];
  const { localDetector } = state.node;
  const pods = localDetector.kind === 'cidrs' ? `${ip} saddr ${localDetector.cidrs[0]} ` : '';
  const source = { any: '', node: 'fib saddr type local ', 'local-pods': pods }[route.source];
  const mark = route.masquerade ? [`${source}mark set mark or ${MARK}`] : [];
  return [...mark, `${source}goto ${chains[route.target]}`];
}

interface ElementContext {
  readonly service: DesiredServicePort;
  readonly chains: { readonly cluster: string; readonly local: string; readonly external: string };
}

function frontendElements(
  { table, lines }: Script,
  frontend: Frontend,
  { service, chains }: ElementContext,
): void {
  const key = frontendKey(frontend, service.name);
  const add = (set: string, element: string): void =>
    void lines.push(`add element ${table} ${set} { ${element} }`);
  const isNodePort = frontend.kind === 'node-port';
  if (frontend.kind === 'cluster-ip') add('cluster-ips', frontend.address);
  const last = frontend.routes.at(-1)?.target;
  if (last === 'reject' || last === 'drop') {
    const verdict = last === 'drop' ? 'drop' : 'goto reject-chain';
    add(isNodePort ? 'no-endpoint-nodeports' : 'no-endpoint-services', `${key} : ${verdict}`);
  }
  const target = frontend.routes.find(
    (route) => route.target === 'cluster' || route.target === 'local',
  )?.target;
  if (target !== 'cluster' && target !== 'local') return;
  const chain = frontend.kind === 'cluster-ip' ? chains[target] : chains.external;
  add(isNodePort ? 'service-nodeports' : 'service-ips', `${key} : goto ${chain}`);
}
