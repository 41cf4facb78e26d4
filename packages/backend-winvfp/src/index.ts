export { createWinvfpBackend } from './backend.ts';
export type { WinvfpOptions } from './options.ts';
export { hcnApiOf, type HcnApi } from './driver/hcn-api.ts';
export { recordHcn, type HcnRecorder, type RecordedCall } from './driver/recorder.ts';
export type { HcnKind, HcnReply, HcnRequest } from './objects/hcn-call.ts';
export * from './objects/hcn-documents.ts';
export { featuresOf, type HnsFeatures, type HnsVersion } from './objects/hns-version.ts';
export { unsupportedOf, type Unsupported } from './compile/unsupported.ts';
export type { CompileContext } from './objects/wanted.ts';
