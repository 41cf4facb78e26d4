import type { Family } from '../model/family.ts';
import type { ExternalFailover } from '../model/service-policy.ts';
import type { NodeLocation } from '../select/topology.ts';
import type { ClusterIPMasquerade } from './desired-state.ts';
import type { Detection } from './masquerade.ts';

/** The properties of node and configuration that decide about a service port. */
export interface FamilyContext {
  readonly family: Family;
  readonly location: NodeLocation;
  readonly clusterIPMasquerade: ClusterIPMasquerade;
  readonly detection: Detection;
  readonly externalIPs: 'served' | 'ignored';
  /** Of S66, what the proxy mode can do besides its default. */
  readonly externalFailovers: readonly ExternalFailover[];
  /** This node's primary address of the family; null if unknown. */
  readonly nodeIP: string | null;
}
