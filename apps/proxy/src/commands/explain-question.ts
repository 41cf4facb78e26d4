/** What happens to the packet that the user specifies. Reads only the model. */
import {
  describeService,
  explain,
  FAMILIES,
  familyOf,
  formatAddressPort,
  objectKey,
  PROTOCOLS,
  servicePortLabel,
  type EndpointDescription,
  type Explanation,
  type Family,
  type Model,
  type Packet,
  type SessionAffinity,
  type TrackedService,
} from '@signalbox/core';
import { didYouMean } from '../flags/nearest.ts';
import type { ProxyMode } from '../modes/proxy-mode.ts';
import { clauseLink } from '../logging/clause-link.ts';
import { noPodNames, parseFrom, parseTo, type From, type To } from './parse-question.ts';
import type { PodAddress, Pods } from './pods.ts';

export interface ExplainWorld {
  readonly model: Pick<Model, 'state' | 'node' | 'tracked' | 'services'>;
  readonly nodeName: string;
  readonly mode: Pick<ProxyMode, 'name' | 'unusedClusterIPs' | 'ignoresSourceRanges'>;
  /** Of the interfaces of this node. */
  readonly interfaceAddresses: readonly string[];
  /** Loopback addresses at which sockets of the proxy serve node ports. */
  readonly loopbackNodePorts: readonly string[];
  /** `null`: this process does not store the names of pods. */
  readonly pods: Pods | null;
}

/** As `signalbox explain -o json` prints it. */
export interface ExplainAnswer {
  readonly family: Family;
  readonly mode: string;
  readonly packet: Packet;
  readonly explanation: Explanation;
  /** Link to the description of the rule that decides. */
  readonly link: string;
  /** Of the Service; `null`: none, or the packet is not forwarded. */
  readonly affinity: SessionAffinity | null;
  /** Endpoints of the service port that are in no endpoint set, with the reason. */
  readonly unusedEndpoints: readonly EndpointDescription[];
  /** Reasons why the answer may differ from what the node does, or from the packet that was intended. */
  readonly warnings: readonly string[];
}

interface Target {
  readonly address: string;
  readonly port: number;
  readonly protocol: Packet['protocol'];
}

/** The answer; or why there is none, in one line. */
export function explainQuestion(world: ExplainWorld, from: string, to: string): ExplainAnswer | string {
  const [typedFrom, typedTo] = [parseFrom(from), parseTo(to)];
  if (typeof typedFrom === 'string') return typedFrom;
  if (typeof typedTo === 'string') return typedTo;
  const sources = sourcesOf(typedFrom, world);
  if (typeof sources === 'string') return sources;
  const targets = targetsOf(typedTo, world);
  if (typeof targets === 'string') return targets;
  const pairs = [world.model.node().primaryFamily, ...FAMILIES].flatMap((family) => {
    const [source, target] = [inFamily(sources, family), inFamily(targets, family)];
    return source === undefined || target === undefined
      ? []
      : [{ family, source, target, typedFrom, typedTo }];
  });
  return pairs[0] === undefined
    ? `FROM and TO are of different IP families: ${from}, ${to}`
    : answerTo(pairs[0], world);
}

/** The packet in one family, with the arguments as typed. */
interface Question {
  readonly family: Family;
  readonly source: PodAddress;
  readonly target: Target;
  readonly typedFrom: From;
  readonly typedTo: To;
}

function answerTo(question: Question, world: ExplainWorld): ExplainAnswer {
  const { family, source, target, typedFrom } = question;
  const { model, mode, interfaceAddresses } = world;
  const addresses = [...Object.values(model.node().ips), ...interfaceAddresses];
  const inInterface = (typedFrom.kind === 'address' ? typedFrom.inInterface : null) ?? 'unknown';
  const packet: Packet = {
    protocol: target.protocol,
    source: source.address,
    inInterface: addresses.includes(source.address) ? null : inInterface,
    destination: target.address,
    destinationPort: target.port,
  };
  const host = {
    addresses,
    unused: mode.unusedClusterIPs,
    loopbackNodePorts: world.loopbackNodePorts,
    ignoresSourceRanges: mode.ignoresSourceRanges === true,
  };
  const explanation = explain(model.state(family), packet, host);
  return {
    family,
    mode: mode.name,
    packet,
    explanation,
    link: clauseLink(explanation.rule),
    ...aboutService(world, explanation, family),
    warnings: [
      ...nodeWarnings(world, family),
      ...podWarnings(world, question),
      ...lostWarnings(world, question, explanation),
    ],
  };
}

function inFamily<T extends { readonly address: string }>(
  items: readonly T[],
  family: Family,
): T | undefined {
  return items.find(({ address }) => familyOf(address) === family);
}

function sourcesOf(from: From, { pods }: ExplainWorld): readonly PodAddress[] | string {
  if (from.kind === 'address') return [{ address: from.address, node: null }];
  const { namespace, name } = from;
  if (pods === null) return noPodNames(from);
  const found = pods.addressesOf(namespace, name);
  if (found.length > 0) return found;
  const hint = didYouMean(objectKey(namespace, name), pods.names(), 'pod/');
  return `FROM: pod/${namespace}/${name} is in no EndpointSlice; use the address of the pod${hint}`;
}

function targetsOf(to: To, { model }: ExplainWorld): readonly Target[] | string {
  if (to.kind === 'address') return [to];
  const key = objectKey(to.namespace, to.name);
  const tracked = model.tracked(key);
  const { service } = tracked;
  if (service === null) {
    const { reason } = describeService(tracked, FAMILIES);
    const hint = tracked.ignored === null ? didYouMean(key, model.services()) : '';
    return `TO: ${key}: ${reason ?? 'not served'}${hint}`;
  }
  const found = portOf(to, service.ports);
  if (found === undefined) return noPort(to, service.ports);
  const addresses = FAMILIES.flatMap((family) => service.addresses[family]?.clusterIP ?? []);
  return addresses.map((address) => ({ address, port: found.port, protocol: found.name.protocol }));
}

type ServicePort = NonNullable<TrackedService['service']>['ports'][number];
type NamedTo = Extract<To, { kind: 'service' }>;

/** By name or number; the first protocol that has it, unless one is given. */
function portOf({ port, protocol }: NamedTo, ports: readonly ServicePort[]): ServicePort | undefined {
  return PROTOCOLS.filter((each) => protocol === null || each === protocol)
    .flatMap((each) => ports.filter(({ name }) => name.protocol === each))
    .find((each) => each.name.port === port || String(each.port) === port);
}

function noPort({ namespace, name, port, protocol }: NamedTo, ports: readonly ServicePort[]): string {
  const wanted = protocol === null ? port : `${port}/${protocol}`;
  const names = ports.map((each) => each.name.port);
  const list = ports.map((each) => `${each.name.port} ${each.port}/${each.name.protocol}`.trim());
  return `TO: Service ${namespace}/${name} has no port ${wanted}${didYouMean(port, names)}; its ports: ${list.join(', ')}`;
}

function aboutService(
  { model }: ExplainWorld,
  { servicePort: key, outcome }: Explanation,
  family: Family,
): Pick<ExplainAnswer, 'affinity' | 'unusedEndpoints'> {
  const port = key === null ? undefined : model.state(family).servicePorts.get(key);
  if (port === undefined) return { affinity: null, unusedEndpoints: [] };
  const { namespace, name } = port.name;
  const { ports } = describeService(model.tracked(objectKey(namespace, name)), [family]);
  const described = ports.find((each) => each.key === key);
  return {
    affinity: outcome.kind === 'forward' ? port.affinity : null,
    unusedEndpoints: described?.endpoints.filter(({ use }) => use === 'none') ?? [],
  };
}

function nodeWarnings({ model, nodeName }: ExplainWorld, family: Family): readonly string[] {
  const isKnown = model.node().known;
  const hasDetector = model.state(family).node.localDetector.kind !== 'none';
  return [
    ...(isKnown
      ? []
      : [`Node ${nodeName} not found: its zone, addresses and pod CIDRs are unknown (--hostname-override)`]),
    ...(hasDetector
      ? []
      : [
          `No local detector for ${family}: pods of this node are treated as other sources (--detect-local-mode)`,
        ]),
  ];
}

function podWarnings({ nodeName }: ExplainWorld, { typedFrom, source }: Question): readonly string[] {
  const { node } = source;
  if (typedFrom.kind !== 'pod' || node === null || node === nodeName) return [];
  const pod = `pod/${typedFrom.namespace}/${typedFrom.name}`;
  return [`${pod} runs on Node ${node}; the answer is for a packet that arrives on ${nodeName}`];
}

/** The intended address is used by another Service (S28). */
function lostWarnings(
  { model }: ExplainWorld,
  { family, target, typedTo }: Question,
  { servicePort }: Explanation,
): readonly string[] {
  if (typedTo.kind !== 'service' || servicePort === null) return [];
  const holder = model.state(family).servicePorts.get(servicePort)?.name;
  const isMeant = holder?.namespace === typedTo.namespace && holder.name === typedTo.name;
  if (holder === undefined || isMeant) return [];
  const where = `${formatAddressPort(target.address, target.port)}/${target.protocol}`;
  return [`${where} is already used by Service ${servicePortLabel(holder)}`];
}
