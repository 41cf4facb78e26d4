export { readAffinityClients, writeAffinityClients } from './driver/affinity-clients.ts';
export type { Capabilities } from './compile/context.ts';
export type { Commit, Committed, NftablesDriver } from './driver/nftables-driver.ts';
export { createNetlinkDriver } from './driver/netlink-driver.ts';
export { renderRules } from './format/render-rules.ts';
export type { NftablesOptions } from './options.ts';
export { createOwnCommits, type OwnCommits } from './driver/own-commits.ts';
export { createNftablesBackend } from './sync/nftables-backend.ts';
