export { createUserspaceBackend, type UserspaceBackend } from './userspace-backend.ts';
export { parseAddressMapping, type AddressMapping } from './compile/address-map.ts';
export { createServiceDevice, probeDevice, surveyDevice } from './driver/probe.ts';
export { connectionCapacity } from './driver/open-files.ts';
export { createSystemDriver } from './driver/system-driver.ts';
export { SERVICE_DEVICE } from './objects/observed.ts';
export type { ConnectionRecord, OnConnectionEnd } from './objects/connection-record.ts';
export type { ConnectionCounts, UserspaceDriver } from './driver/userspace-driver.ts';
export type { UserspaceBackendOptions } from './options.ts';
