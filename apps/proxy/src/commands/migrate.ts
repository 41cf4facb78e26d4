/** `signalbox migrate --to=MODE --dry-run`: what a change of the mode would do to this node and to the users of its Services. */
import { FAMILIES, formatBackendError, type DesiredServicePort, type Model } from '@signalbox/core';
import type { Settings } from '../config/settings.ts';
import { didYouMean } from '../flags/nearest.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';
import { loopbackNodePortAddresses } from '../node/loopback-node-ports.ts';
import { outputFlag, type Command, type Invocation } from './command.ts';
import { fillModels } from './load-model.ts';
import { failed, type Outcome } from './outcome.ts';
import { serviceDifferences, type ServiceDifference } from './service-differences.ts';

export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'Show what a change of the proxy mode would do to this node and to the users of its Services',
  arguments: [],
  flags: [
    { name: 'to', kind: 'string', placeholder: 'mode', help: 'The new mode. Required.' },
    {
      name: 'dry-run',
      kind: 'bool',
      help: 'Required: the command only reads. To change the mode, set mode in the configuration.',
    },
    outputFlag('text', 'json'),
  ],
  examples: [
    {
      line: 'signalbox migrate --to=nftables --dry-run --config=/var/lib/kube-proxy/config.conf',
      what: 'what nftables mode would change on this node',
    },
  ],
  statuses: { 0: 'users notice nothing', 1: 'error', 2: 'differences for users, listed' },
  needs: 'settings',
  run: migrate,
};

interface NodeDifference {
  readonly about: 'node-ports' | 'unused-cluster-ips' | 'load-balancing' | 'support';
  readonly message: string;
  /** `default/web`; empty: of the node as a whole. */
  readonly services: readonly string[];
}

type Difference = NodeDifference | ServiceDifference;

interface Plan {
  readonly from: string;
  readonly to: string;
  /** What the kernel holds of other modes, and the first verified sync would be followed by the removal of. */
  readonly removed: readonly string[];
  readonly differences: readonly Difference[];
}

const KEPT = [
  'KUBE-FIREWALL and chains of the kubelet',
  'virtual servers, sets and tables of other programs',
];

async function migrate(invocation: Invocation): Promise<Outcome> {
  const { settings, own, composition, terminal } = invocation;
  const to = own.text('to');
  if (to === '') return failed('--to: required');
  if (!own.is('dry-run'))
    return failed('--dry-run: required; to change the mode, set mode in the configuration');
  const modes = composition.modes.filter(({ platform }) => platform === settings.mode.platform);
  const target = modes.find(({ name }) => name === to);
  if (target === undefined) {
    const names = modes.map(({ name }) => name);
    return failed(`--to: ${to} is not one of ${names.join(', ')}${didYouMean(to, names)}`);
  }
  const after = inMode(settings, target);
  const models = [settings, after].map((each) => composition.createModel(each));
  const missing = await fillModels(invocation, models);
  if (missing !== null) return failed(missing);
  const support = await composition.probeFamilies(after, invocation.logging.logger);
  const removed = await survey(after, modes);
  if (typeof removed === 'string') return failed(removed);
  const views = models.map((model, at) => modelView(model, at === 0 ? settings : after));
  const plan: Plan = {
    from: settings.mode.name,
    to: target.name,
    removed,
    differences: [
      ...(support.families.length > 0
        ? []
        : [{ about: 'support', message: support.reasons.join('; '), services: [] } as const]),
      ...nodePorts(...(views as [ModelView, ModelView])),
      ...unusedClusterIPs(settings.mode, target),
      ...loadBalancing(settings, after),
      ...models.slice(1).flatMap((model) => serviceDifferences(model, settings.mode, target)),
    ],
  };
  const isJson = own.text('output') === 'json';
  terminal.print(isJson ? `${JSON.stringify({ ...plan, kept: KEPT }, null, 2)}\n` : render(plan));
  return { status: plan.differences.length > 0 ? 2 : 0, errors: [] };
}

/** The same configuration, with what the mode completes. */
function inMode(settings: Settings, mode: ProxyMode): Settings {
  const config = structuredClone(settings.config);
  config.mode = mode.name;
  mode.configuration.applyDefaults?.(config);
  return { ...settings, config, mode };
}

/** What modes other than the new one have left; or why it cannot be read. */
async function survey(after: Settings, modes: readonly ProxyMode[]): Promise<readonly string[] | string> {
  const found: string[] = [];
  for (const mode of modes) {
    if (mode === after.mode) continue;
    const seen = (await mode.survey?.(after)) ?? [];
    if ('code' in seen) return `${mode.name} mode: ${formatBackendError(seen)}`;
    found.push(...seen.map((line) => `${mode.name} mode: ${line}`));
  }
  return found;
}

interface ModelView {
  readonly addresses: readonly string[];
  /** Services with node ports. */
  readonly services: readonly string[];
}

function modelView(model: Model, settings: Settings): ModelView {
  const states = FAMILIES.map((family) => model.build(family).state);
  const ports = states.flatMap(({ servicePorts }) => [...servicePorts.values()]);
  const names = ports.filter(hasNodePort).map(({ name }) => `${name.namespace}/${name.name}`);
  return {
    addresses: [...states.flatMap(({ node }) => node.nodePortIPs), ...loopbackNodePortAddresses(settings)],
    services: [...new Set(names)].toSorted(),
  };
}

function hasNodePort({ frontends }: DesiredServicePort): boolean {
  return frontends.some(({ kind }) => kind === 'node-port');
}

function nodePorts(
  { addresses: before, services }: ModelView,
  { addresses: then }: ModelView,
): readonly Difference[] {
  if (services.length === 0) return [];
  const gone = before.filter((address) => !then.includes(address));
  const added = then.filter((address) => !before.includes(address));
  return [
    [gone, 'node ports no longer answer on'] as const,
    [added, 'node ports answer on these addresses, too:'] as const,
  ]
    .filter(([addresses]) => addresses.length > 0)
    .map(([addresses, words]) => ({
      about: 'node-ports',
      message: `${words} ${addresses.join(', ')}`,
      services,
    }));
}

const VERDICTS = {
  pass: 'are not handled by the proxy',
  reject: 'are rejected',
  drop: 'are dropped',
} as const;

function unusedClusterIPs(before: ProxyMode, { unusedClusterIPs: then }: ProxyMode): readonly Difference[] {
  const { port, address } = before.unusedClusterIPs;
  const changes = [
    ['packets to ports of a cluster IP that no Service uses', port, then.port],
    ['packets to unused addresses of the ServiceCIDRs', address, then.address],
  ] as const;
  return changes
    .filter(([, from, to]) => from !== to)
    .map(([what, , to]) => ({
      about: 'unused-cluster-ips',
      message: `${what} ${VERDICTS[to]}`,
      services: [],
    }));
}

function loadBalancing(before: Settings, after: Settings): readonly Difference[] {
  const [from, to] = [before, after].map(({ mode, config }) => mode.balancing?.(config) ?? 'equal shares');
  if (from === to) return [];
  return [
    { about: 'load-balancing', message: `endpoints get connections by ${to}, not by ${from}`, services: [] },
  ];
}

function render({ from, to, removed, differences }: Plan): string {
  const list = (title: string, lines: readonly string[]): string =>
    `${title}\n${(lines.length === 0 ? ['nothing'] : lines).map((line) => `  ${line}\n`).join('')}`;
  return [
    `From ${from} to ${to} mode on this node (nothing was changed)\n`,
    list('Removed after the first verified sync:', removed),
    list('Kept:', KEPT),
    list(
      'Different for users:',
      differences.map(({ message, services }) =>
        services.length === 0 ? message : `${message} (${services.join(', ')})`,
      ),
    ),
  ].join('');
}
