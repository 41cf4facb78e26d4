export { createWinvfpBackend, type UnsupportedPort, type WinvfpBackend } from './backend.ts';
export type { WinvfpOptions } from './options.ts';
export { hcnApiOf, type HcnApi } from './driver/hcn-api.ts';
export { recordHcn, type HcnRecorder, type RecordedCall } from './driver/recorder.ts';
export type { HcnKind, HcnReply, HcnRequest } from './objects/hcn-call.ts';
export * from './objects/hcn-documents.ts';
export { noDsr } from './context.ts';
export { featuresOf, type HnsFeatures, type HnsVersion } from './objects/hns-version.ts';
export { unsupportedOf, type Unsupported } from './compile/unsupported.ts';
export type { CompileContext } from './objects/desired.ts';
export { createEdgeHcn } from './driver/edge-hcn.ts';
export { findHostMac } from './driver/host-mac.ts';
export { loadNativeLayer, type NativeLayer, type NativeLayerOptions } from './driver/native-layer.ts';
export { probeHns, type HnsProbe } from './driver/probe.ts';
export {
  commandLine,
  createServiceManager,
  runCommand,
  type CommandResult,
  type RunCommand,
  type ServiceInstallation,
  type ServiceManager,
  type ServiceState,
} from './driver/service-manager.ts';
export { createWindowsService, DEFAULT_SERVICE_NAME, type WindowsService } from './driver/windows-service.ts';
