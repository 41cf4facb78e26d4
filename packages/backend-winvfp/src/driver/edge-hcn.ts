import { type Result, succeed } from '@signalbox/core';
import { hcnApiOf, type HcnApi } from './hcn-api.ts';
import { loadNativeLayer, type NativeLayerOptions } from './native-layer.ts';

/** HNS of this host. */
export function createEdgeHcn(options: NativeLayerOptions = {}): Result<HcnApi> {
  const loaded = loadNativeLayer(options);
  return loaded.ok ? succeed(hcnApiOf(loaded.value.invoke)) : loaded;
}
