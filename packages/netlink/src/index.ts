export { type AddressFamily, addressBytes, addressText, writeIPv4 } from './codec/address.ts';
export type { NetlinkProtocol } from './codec/constants.ts';
export { type NetlinkMessage, type NetlinkRequest, requestBytes } from './codec/message.ts';
export { errorOf, type NetlinkError, type NetlinkResult, toBackendError, toResult } from './result.ts';
export { replyCost } from './socket/batches.ts';
export { type NetlinkOptions, openNetlink } from './socket/open-netlink.ts';
export type { Dump, NetlinkTransport, Outcomes } from './socket/transport.ts';

export { createIpvsClient, type IpvsChange, type IpvsClient } from './clients/ipvs-client.ts';
export type { IpvsInfo, IpvsTimeouts } from './families/ipvs/config.ts';
export { IPVS_SERVICE_FLAG, type IpvsForwarding } from './families/ipvs/constants.ts';
export type {
  IpvsDestination,
  IpvsDestinationKey,
  IpvsDestinationState,
} from './families/ipvs/destination.ts';
export {
  formatServiceKey,
  type IpvsService,
  type IpvsServiceKey,
  type IpvsServiceState,
} from './families/ipvs/service.ts';
export type { IpvsStats } from './families/ipvs/stats.ts';

export {
  type AddressChange,
  type AddressSelection,
  createRouteClient,
  type RouteClient,
} from './clients/route-client.ts';
export type { AddressOptions, LinkAddress, LinkAddressState } from './families/route/address.ts';
export { ADDRESS_FLAG, type AddressScope, LINK_FLAG } from './families/route/constants.ts';
export type { Link, LinkSelector, NewLink } from './families/route/link.ts';
export type { RouteNotification } from './families/route/notification.ts';

export { createIpsetClient, type EntryList, type IpsetClient } from './clients/ipset-client.ts';
export { formatEntry, type IpsetEntry, type OnDuplicate } from './families/ipset/entry.ts';
export type { IpsetDefinition, IpsetHashType, IpsetState } from './families/ipset/set.ts';

export { type ConntrackClient, createConntrackClient, type Deletions } from './clients/conntrack-client.ts';
export type { FlowKey, FlowState } from './families/conntrack/flow.ts';
export type { FlowTuple } from './families/conntrack/tuple.ts';

export {
  type AccountingClient,
  type AccountingDeletions,
  createAccountingClient,
} from './clients/accounting-client.ts';
export type { AccountingObject } from './families/accounting/object.ts';

export { createNftablesClient, type NftablesClient } from './clients/nftables-client.ts';
export * from './families/nftables/index.ts';

export {
  type RouteMonitor,
  type RouteMonitorEvents,
  type RouteMonitorOptions,
  watchRoutes,
} from './monitor/route-monitor.ts';
