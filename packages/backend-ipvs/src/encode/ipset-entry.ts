/** Sets and entries ↔ the words of the ipset netlink subsystem. */
import { PROTOCOL_NUMBER, PROTOCOLS, type Protocol } from '@signalbox/core';
import type { IpsetDefinition, IpsetEntry, IpsetState } from '@signalbox/netlink';
import { entryText, type IpSet, type IpSetEntry, type IpSetType } from '../objects/ip-set.ts';
import type { ObservedSet } from '../objects/kernel-state.ts';

export function encodeSet({ name, type, family, maxElements }: IpSet): IpsetDefinition {
  if (type === 'bitmap:port') return { name, type, firstPort: 0, lastPort: 65_535 };
  return { name, type, family: family ?? 'IPv4', maxElements };
}

export function encodeEntry(entry: IpSetEntry): IpsetEntry {
  if (entry.kind === 'port') return { port: entry.port };
  if (entry.kind === 'address') return { address: entry.address };
  const { address, port } = entry;
  const main = { address, protocol: PROTOCOL_NUMBER[entry.protocol], port };
  switch (entry.kind) {
    case 'address-port':
      return main;
    case 'address-port-address':
      return { ...main, secondAddress: entry.second };
    case 'address-port-network': {
      const [secondAddress = '', length = ''] = entry.network.split('/');
      return { ...main, secondAddress, secondPrefixLength: Number(length) };
    }
  }
}

const TYPES: Readonly<Record<IpSetType, (entry: IpsetEntry) => IpSetEntry | null>> = {
  'hash:ip': ({ address }) => (address === undefined ? null : { kind: 'address', address }),
  'hash:ip,port': (entry) => {
    const main = decodeAddressPort(entry);
    return main && { kind: 'address-port', ...main };
  },
  'hash:ip,port,ip': (entry) => {
    const main = decodeAddressPort(entry);
    const second = entry.secondAddress;
    return main && second !== undefined ? { kind: 'address-port-address', ...main, second } : null;
  },
  'hash:ip,port,net': (entry) => {
    const main = decodeAddressPort(entry);
    const { secondAddress, secondPrefixLength } = entry;
    if (main === null || secondAddress === undefined) return null;
    const length = secondPrefixLength ?? (secondAddress.includes(':') ? 128 : 32);
    return { kind: 'address-port-network', ...main, network: `${secondAddress}/${length}` };
  },
  'bitmap:port': ({ port }) => (port === undefined ? null : { kind: 'port', port }),
};

interface AddressPort {
  readonly address: string;
  readonly protocol: Protocol;
  readonly port: number;
}

function decodeAddressPort({ address, protocol, port }: IpsetEntry): AddressPort | null {
  const name = PROTOCOLS.find((candidate) => PROTOCOL_NUMBER[candidate] === protocol);
  if (address === undefined || name === undefined || port === undefined) return null;
  return { address, protocol: name, port };
}

/** A set of a type that this mode has no use for comes without entries, and will be replaced. */
export function decodeSet(state: IpsetState): ObservedSet {
  const type = state.type as IpSetType;
  const decode = Object.hasOwn(TYPES, type) ? TYPES[type] : (): null => null;
  const entries = state.entries.flatMap((entry) => decode(entry) ?? []);
  const { firstPort = 0, lastPort = 65_535 } = state;
  const maxElements = state.maxElements ?? lastPort - firstPort + 1;
  return {
    set: { name: state.name, type, family: state.family ?? null, maxElements },
    entries: new Map(entries.map((entry) => [entryText(entry), entry])),
  };
}
