/**
 * Clients with session affinity, in the persistence templates of IPVS. They are read only: the kernel has no request that
 * creates one.
 */
import { readFile } from 'node:fs/promises';
import { type AffinityClient, endpointsByPlace, latestOfEach } from '@signalbox/backend-kit';
import {
  backendError,
  type DesiredEndpoint,
  type DesiredServicePort,
  fail,
  type Result,
  succeed,
} from '@signalbox/core';
import { addressText } from '@signalbox/netlink';

const FILE = '/proc/net/ip_vs_conn';

/** Of Signalbox, or of kube-proxy in ipvs mode. */
export async function readAffinityClients(
  services: Iterable<DesiredServicePort>,
): Promise<Result<readonly AffinityClient[]>> {
  try {
    return succeed(clientsInTemplates(await readFile(FILE, 'utf8'), services));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Without the kernel's module.
    if (code === 'ENOENT') return succeed([]);
    return fail(backendError('not-permitted', FILE, message, { kernel: 'unchanged' }));
  }
}

/** `Pro FromIP FPrt ToIP TPrt DestIP DPrt State Expires`, in hexadecimal but for the seconds; a template has no source port. */
const TEMPLATE = /^(TCP|UDP|SCTP) +(\S+) 0000 (\S+) (\S{4}) (\S+) (\S{4}) \S+ +(\d+)/gm;

export function clientsInTemplates(
  text: string,
  services: Iterable<DesiredServicePort>,
): readonly AffinityClient[] {
  const targets = targetsOf(services);
  const clients: AffinityClient[] = [];
  for (const [, protocol = '', from = '', to = '', toPort = '', at = '', atPort = '', left] of text.matchAll(
    TEMPLATE,
  )) {
    const [client, address, destination] = [from, to, at].map(parseAddress);
    const port = Number.parseInt(toPort, 16);
    const target = targets.get(`${protocol} ${address} ${port}`) ?? targets.get(`${protocol} ${port}`);
    const endpoint = target?.endpoints.get(`${destination} ${Number.parseInt(atPort, 16)}`);
    if (client === undefined || target === undefined || endpoint === undefined) continue;
    const remaining = Math.min(Number(left) * 1000, target.timeout);
    clients.push({ servicePort: target.servicePort.name, endpoint, client, remaining });
  }
  return latestOfEach(clients);
}

interface Target {
  readonly servicePort: DesiredServicePort;
  readonly endpoints: ReadonlyMap<string, DesiredEndpoint>;
  /** Milliseconds. */
  readonly timeout: number;
}

/** By protocol, address and port; for node ports by protocol and port. */
function targetsOf(services: Iterable<DesiredServicePort>): ReadonlyMap<string, Target> {
  const targets = new Map<string, Target>();
  for (const servicePort of services) {
    const { affinity, frontends, name } = servicePort;
    if (affinity === null) continue;
    const timeout = affinity.timeoutSeconds * 1000;
    const target = { servicePort, endpoints: endpointsByPlace(servicePort), timeout };
    for (const { kind, port, ...at } of frontends) {
      const address = kind !== 'node-port' && 'address' in at ? ` ${at.address}` : '';
      targets.set(`${name.protocol}${address} ${port}`, target);
    }
  }
  return targets;
}

/** `0A60000A`, or eight groups of an IPv6 address. */
function parseAddress(text: string): string | undefined {
  return addressText(Buffer.from(text.replaceAll(':', ''), 'hex'));
}
