/** `FROM TO` of `signalbox explain`, as typed. Pure; explain-question.ts resolves them on this node. */
import { canonicalAddress, PROTOCOLS, type Protocol } from '@signalbox/core';

export type From =
  | { readonly kind: 'address'; readonly address: string; readonly inInterface: string | null }
  | { readonly kind: 'pod'; readonly namespace: string; readonly name: string };

export type To =
  | {
      readonly kind: 'address';
      readonly address: string;
      readonly port: number;
      readonly protocol: Protocol;
    }
  | {
      readonly kind: 'service';
      readonly namespace: string;
      readonly name: string;
      /** Name or number, as typed. */
      readonly port: string;
      /** `null`: not given. */
      readonly protocol: Protocol | null;
    };

export const FROM_FORMS = 'address[%interface] or pod/NAMESPACE/NAME';
export const TO_FORMS =
  'address:port, NAMESPACE/SERVICE:port or SERVICE.NAMESPACE.svc:port, each with [/tcp|udp|sctp]';

/** For what answers without the EndpointSlices by pod: the running proxy keeps no names of pods. */
export function noPodNames({ namespace, name }: Extract<From, { kind: 'pod' }>): string {
  return `FROM: pod/${namespace}/${name}: the running proxy does not keep the names of pods; use the address of the pod, or signalbox explain with --kubeconfig`;
}

/** Or what is wrong with it. */
export function parseFrom(text: string): From | string {
  const pod = /^pod\/([^/]+)\/([^/]+)$/.exec(text);
  if (pod !== null) return { kind: 'pod', namespace: pod[1] ?? '', name: pod[2] ?? '' };
  const [typed = '', inInterface = null] = text.split('%');
  const address = canonicalAddress(typed);
  if (address === null) return `FROM: ${JSON.stringify(text)} is not ${FROM_FORMS}`;
  return { kind: 'address', address, inInterface };
}

const ADDRESS = /^(?:\[(?<boxed>[^\]]+)\]|(?<plain>[^:/]+)):(?<port>\d{1,5})(?:\/(?<protocol>\w+))?$/;
const SERVICE = /^(?<namespace>[^/:]+)\/(?<name>[^/:]+):(?<port>[^/:]+)(?:\/(?<protocol>\w+))?$/;
/** As in DNS, with the domain of the cluster or without. */
const DOMAIN_NAME =
  /^(?<name>[^./:]+)\.(?<namespace>[^./:]+)\.svc(?:\.[^/:]*)?:(?<port>[^/:]+)(?:\/(?<protocol>\w+))?$/;

/** Or what is wrong with it. */
export function parseTo(text: string): To | string {
  return parseAddress(text) ?? parseService(text) ?? `TO: ${JSON.stringify(text)} is not ${TO_FORMS}`;
}

function parseAddress(text: string): To | null {
  const { boxed, plain, port: digits, protocol: named } = ADDRESS.exec(text)?.groups ?? {};
  const address = canonicalAddress(boxed ?? plain ?? '');
  const protocol = protocolOf(named ?? 'TCP');
  const port = Number(digits);
  const valid = address !== null && protocol !== null && port >= 1 && port <= 65_535;
  return valid ? { kind: 'address', address, port, protocol } : null;
}

function parseService(text: string): To | null {
  const groups = (DOMAIN_NAME.exec(text) ?? SERVICE.exec(text))?.groups;
  if (groups === undefined) return null;
  const { namespace = '', name = '', port = '', protocol: named } = groups;
  const protocol = named === undefined ? null : protocolOf(named);
  if (named !== undefined && protocol === null) return null;
  return { kind: 'service', namespace, name, port, protocol };
}

function protocolOf(text: string): Protocol | null {
  return PROTOCOLS.find((name) => name === text.toUpperCase()) ?? null;
}
