export {
  createObjectStore,
  type Change,
  type ObjectStore,
  type Stored,
  type StoredKind,
} from './object-store.ts';
export type { Fault, FaultAction } from './faults.ts';
export type { OnUpgrade, ServerCertificate } from './listener.ts';
export type { RequestLog, RequestRecord } from './request-log.ts';
export type { Streaming } from './serve-watch.ts';
export { createTestApiServer, type TestApiServer, type TestApiServerOptions } from './test-api-server.ts';
export { createSourceRecorder, type SourceRecorder } from './recorder.ts';
export { plainConfig } from './plain-config.ts';
export { createTestCertificates, type KeyPair, type TestCertificates } from './certificates.ts';
export { encodeList, encodeWatchEvent } from './protobuf-encode.ts';
export { readers } from './readers.ts';
