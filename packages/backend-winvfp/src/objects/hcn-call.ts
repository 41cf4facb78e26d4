/**
 * The calls to HNS. Each stands for a whole open-query-close sequence inside the native layer, so that
 * handles are used only there; a listing is one call however many objects there are.
 */
import type { HcnEndpointSettings, HcnLoadBalancerSettings } from './hcn-documents.ts';

/** Kinds of HNS objects that can be listed. */
export type HcnKind = 'network' | 'endpoint' | 'load-balancer';

/** One call. Each `id` is the GUID of the object that is created, modified or deleted. */
export type HcnRequest =
  /** The older entry point: `/globals/version`, `/policylists/`. */
  | { readonly op: 'hns'; readonly path: string }
  /** `filter`: fields that must be equal, `{Name: 'cbr0'}`; `{}` for all. */
  | { readonly op: 'list'; readonly kind: HcnKind; readonly filter: Readonly<Record<string, string>> }
  | {
      readonly op: 'create-endpoint';
      readonly network: string;
      readonly id: string;
      readonly settings: HcnEndpointSettings;
    }
  | { readonly op: 'create-load-balancer'; readonly id: string; readonly settings: HcnLoadBalancerSettings }
  | { readonly op: 'modify-load-balancer'; readonly id: string; readonly settings: HcnLoadBalancerSettings }
  | { readonly op: 'delete-endpoint' | 'delete-load-balancer'; readonly id: string };

/** Result of one call; `record` and `call` describe a failure (`hresult` is not 0). */
export interface HcnReply {
  /** 0, or an unsigned HRESULT. */
  readonly hresult: number;
  /** The native function that failed: `HcnCreateLoadBalancer`. */
  readonly call: string;
  /** HNS's error record: JSON, or empty. */
  readonly record: string;
  /** Documents as HNS wrote them; after a write the object as it is now, if it could be read back. */
  readonly items: readonly string[];
}
