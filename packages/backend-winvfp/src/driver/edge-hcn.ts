import type { BackendError } from '@signalbox/core';
import { hcnApiOf, type HcnApi } from './hcn-api.ts';
import { loadNativeLayer, type NativeLayerOptions } from './native-layer.ts';

/** HNS of this host. */
export function createEdgeHcn(
  options: NativeLayerOptions = {},
): { readonly hcn: HcnApi } | { readonly error: BackendError } {
  const loaded = loadNativeLayer(options);
  return 'error' in loaded ? loaded : { hcn: hcnApiOf(loaded.layer.invoke) };
}
