export { SERVICE_DEVICE } from './objects/bound-address.ts';
export { DEFAULT_SCHEDULER, SCHEDULERS } from './compile/load-balancing.ts';
export type { LocalPolicyFallback } from './compile/no-endpoints.ts';
export { fileJournal, NO_JOURNAL, type Journal } from './driver/journal.ts';
export type { IpvsDriver, IpvsTimeoutOptions, OperationFailure } from './driver/ipvs-driver.ts';
export { createNetlinkDriver, type NetlinkDriverOptions } from './driver/netlink-driver.ts';
export { createIpvsBackend } from './ipvs-backend.ts';
export type { IpvsBackendOptions } from './options.ts';
export { wantedSysctls, type Sysctl } from './compile/sysctls.ts';
