import { type Clock, succeed } from '@signalbox/core';
import { systemClock } from '@signalbox/core/system-clock';
import type { AddressFamily } from '../codec/address.ts';
import type { NetlinkRequest } from '../codec/message.ts';
import {
  type AddressOptions,
  decodeAddress,
  encodeDeleteAddress,
  encodeListAddresses,
  encodeNewAddress,
  type LinkAddress,
  type LinkAddressState,
} from '../families/route/address.ts';
import {
  decodeLink,
  encodeDeleteLink,
  encodeGetLink,
  encodeListLinks,
  encodeNewLink,
  encodeSetLinkState,
  type Link,
  type LinkSelector,
  type NewLink,
} from '../families/route/link.ts';
import { mapResult, type NetlinkResult } from '../result.ts';
import { type NetlinkOptions, openNetlink } from '../socket/open-netlink.ts';
import type { NetlinkTransport, Outcomes } from '../socket/transport.ts';
import { completeItems, decodedAnswer, encoded } from './guard.ts';
import { localRoutes } from './local-routes.ts';

/** One item of `applyAddresses`: RTM_NEWADDR or RTM_DELADDR. */
export type AddressChange =
  | { readonly kind: 'add-address'; readonly address: LinkAddress; readonly options?: AddressOptions }
  | { readonly kind: 'delete-address'; readonly address: LinkAddress };

/** Filter of `listAddresses`; an absent field matches every address. */
export interface AddressSelection {
  readonly family?: AddressFamily;
  readonly linkIndex?: number;
}

/** Links and addresses of the network namespace this process is in. Nothing throws or rejects. */
export interface RouteClient {
  /** All links of the network namespace. */
  listLinks(): Promise<NetlinkResult<readonly Link[]>>;
  /** `not-found` if there is none. */
  getLink(link: LinkSelector): Promise<NetlinkResult<Link>>;
  /** `exists` if the name is taken, `unsupported` if the kernel has no such kind. */
  addLink(link: NewLink): Promise<NetlinkResult<void>>;
  /** `not-found` if there is none. */
  deleteLink(link: LinkSelector): Promise<NetlinkResult<void>>;
  /** Sets or clears `IFF_UP`; `not-found` if there is no such link. */
  setLinkState(link: LinkSelector, state: 'up' | 'down'): Promise<NetlinkResult<void>>;
  /** All addresses, or those of a link or a family. */
  listAddresses(selection?: AddressSelection): Promise<NetlinkResult<readonly LinkAddressState[]>>;
  /**
   * Each is tried; an outcome is `undefined` for success, else `exists` (add), `not-found` (delete) ... IPv6 addresses that were
   * added without duplicate address detection receive packets when it resolves.
   */
  applyAddresses(changes: readonly AddressChange[]): Promise<NetlinkResult<Outcomes>>;
  /** Closes the socket; pending calls end with `unavailable`. */
  close(): void;
}

/**
 * A client over one rtnetlink socket, which is opened at the first call.
 * `transport` replaces that socket; of `options` only `clock` is used then.
 */
export function createRouteClient(
  options: NetlinkOptions = {},
  transport: NetlinkTransport = openNetlink('route', options),
): RouteClient {
  const run = async (operation: string, encode: () => NetlinkRequest): Promise<NetlinkResult<void>> => {
    const request = encoded(operation, encode);
    return request.ok ? mapResult(await transport.request(request.value), () => {}) : request;
  };
  return {
    listLinks: async () => completeItems('RTM_GETLINK', await transport.dump(encodeListLinks(), decodeLink)),
    getLink: async (link) =>
      decodedAnswer('RTM_GETLINK', await transport.request(encodeGetLink(link)), decodeLink),
    addLink: async (link) => kindUnknown(await run('RTM_NEWLINK', () => encodeNewLink(link))),
    deleteLink: (link) => run('RTM_DELLINK', () => encodeDeleteLink(link)),
    setLinkState: (link, state) => run('RTM_NEWLINK', () => encodeSetLinkState(link, state)),
    listAddresses: (selection) => listAddresses(transport, selection ?? {}),
    applyAddresses: (changes) => applyAddresses(transport, changes, options.clock ?? systemClock),
    close: () => transport.close(),
  };
}

/** "Operation not supported" is the kernel's error when it has no driver for the kind of link. */
function kindUnknown(result: NetlinkResult<void>): NetlinkResult<void> {
  if (result.ok || result.error.code !== 'unsupported') return result;
  return {
    ok: false,
    error: { ...result.error, message: `${result.error.message}: this kernel has no such kind of link` },
  };
}

async function listAddresses(
  transport: NetlinkTransport,
  { family, linkIndex }: AddressSelection,
): Promise<NetlinkResult<readonly LinkAddressState[]>> {
  const dump = await transport.dump(encodeListAddresses(family), (message) => {
    const address = decodeAddress(message);
    // The kernel filters by link only for sockets in strict mode, which the addon cannot ask for.
    return linkIndex === undefined || address?.linkIndex === linkIndex ? address : undefined;
  });
  return completeItems('RTM_GETADDR', dump);
}

async function applyAddresses(
  transport: NetlinkTransport,
  changes: readonly AddressChange[],
  clock: Clock,
): Promise<NetlinkResult<Outcomes>> {
  if (changes.length === 0) return succeed([]);
  const requests = encoded('RTM_NEWADDR', () => changes.map(encodeAddressChange));
  if (!requests.ok) return requests;
  const outcomes = await transport.requestAll(requests.value);
  if (outcomes.ok) await localRoutes(transport, late(changes, outcomes.value), clock);
  return outcomes;
}

/** Addresses whose routes the kernel adds after its answer. */
function late(changes: readonly AddressChange[], outcomes: Outcomes): readonly LinkAddress[] {
  return changes.flatMap((change, at) => {
    const isAdded = change.kind === 'add-address' && outcomes[at] === undefined;
    return isAdded && change.address.family === 'IPv6' && change.options?.noDad === true
      ? [change.address]
      : [];
  });
}

function encodeAddressChange(change: AddressChange): NetlinkRequest {
  if (change.kind === 'add-address') return encodeNewAddress(change.address, change.options);
  return encodeDeleteAddress(change.address);
}
