/** Feature gates of kube-proxy 1.36, and one of 1.38, so that lists which name them keep working; only some have an effect. */
import { OTHER_GATES } from './other-gates.ts';

type Stage = 'ALPHA' | 'BETA' | 'GA';

interface FeatureGate {
  readonly name: string;
  readonly initial: boolean;
  readonly stage: Stage;
  /** Cannot be set to anything but its default. */
  readonly locked: boolean;
}

type Row = readonly [name: string, initial: boolean, stage: Stage, locked: boolean];

const ROWS: readonly Row[] = [
  ['AllAlpha', false, 'ALPHA', false],
  ['AllBeta', false, 'BETA', false],
  ['AllowServiceExternalIPs', true, 'GA', false],
  ['ComponentFlagz', true, 'BETA', false],
  ['ComponentStatusz', true, 'BETA', false],
  ['ContextualLogging', true, 'BETA', false],
  // Of kube-proxy 1.38.
  ['KubeProxyNFTablesLocalhostNodePorts', true, 'BETA', false],
  ['LoggingAlphaOptions', false, 'ALPHA', false],
  ['LoggingBetaOptions', true, 'BETA', false],
  ['MultiCIDRServiceAllocator', true, 'GA', true],
  ['NFTablesProxyMode', true, 'GA', true],
  ['NativeHistograms', false, 'ALPHA', false],
  ['PreferSameTrafficDistribution', true, 'GA', true],
  ['WinDSR', true, 'GA', true],
  ['WinOverlay', true, 'GA', true],
];

const FEATURE_GATES: readonly FeatureGate[] = ROWS.map(([name, initial, stage, locked]) => ({
  name,
  initial,
  stage,
  locked,
}));

const BY_NAME: ReadonlyMap<string, FeatureGate> = new Map(FEATURE_GATES.map((gate) => [gate.name, gate]));

export interface FeatureGates {
  enabled(name: string): boolean;
  /** Every gate and its state, sorted by name. */
  all(): readonly { readonly gate: FeatureGate; readonly enabled: boolean }[];
}

export function createFeatureGates(settings: Readonly<Record<string, boolean>>): FeatureGates {
  const state = (gate: FeatureGate): boolean => {
    const own = settings[gate.name];
    if (own !== undefined) return own;
    const group = gate.stage === 'GA' ? undefined : settings[gate.stage === 'ALPHA' ? 'AllAlpha' : 'AllBeta'];
    return group !== undefined && !gate.locked ? group : gate.initial;
  };
  return {
    enabled: (name) => {
      const gate = BY_NAME.get(name);
      return gate !== undefined && state(gate);
    },
    all: () => FEATURE_GATES.map((gate) => ({ gate, enabled: state(gate) })),
  };
}

/** Why this gate cannot have this value; `null` when it can. */
export function checkFeatureGate(name: string, wanted: { readonly enabled: boolean }): string | null {
  const gate = BY_NAME.get(name);
  const broken = gate !== undefined && gate.locked && wanted.enabled !== gate.initial;
  return broken
    ? `cannot set feature gate ${name} to ${wanted.enabled}, feature is locked to ${gate.initial}`
    : null;
}

/**
 * Gates of no component known here. No error: one list is often given to every component of a cluster, and the
 * next version of Kubernetes has gates that this program cannot know.
 */
export function unknownFeatureGates(settings: Readonly<Record<string, boolean>>): readonly string[] {
  return Object.keys(settings).filter((name) => !BY_NAME.has(name) && !OTHER_GATES.has(name));
}
