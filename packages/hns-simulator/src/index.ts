export type * from './documents.ts';
export { HR } from './hresult.ts';
export type { HcnArgument } from './functions.ts';
export * from './hns.ts';
export * from './server.ts';
export type { HnsOptions, HnsVersion } from './state.ts';
export type { HnsDestination, HnsPacket, HnsRoute } from './vfp.ts';
