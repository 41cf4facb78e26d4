import type { IpsetClient, IpvsClient, RouteClient } from '@signalbox/netlink';

/** The netlink families that this mode speaks. */
export interface Clients {
  readonly ipvs: IpvsClient;
  readonly ipset: IpsetClient;
  readonly route: RouteClient;
}
