import type { DesiredEndpoint } from '../desired/desired-state.ts';
import { READY, SERVING, TERMINATING, type SliceModel, type TopologyHints } from '../model/endpoint-slice.ts';
import { formatAddressPort } from '../model/ip.ts';
import type { ServicePortName } from '../model/service-port-name.ts';

/** An endpoint of one service port, before any choice. */
export interface Candidate {
  /** `address:port`: the sort order. */
  readonly text: string;
  readonly endpoint: DesiredEndpoint;
  /** Where it runs; empty if unknown. */
  readonly node: string;
  /** Bits `READY`, `SERVING`, `TERMINATING`. */
  readonly conditions: number;
  readonly hints: TopologyHints | null;
}

export function isReady(candidate: Candidate): boolean {
  return (candidate.conditions & READY) !== 0;
}

/** Used only where a service port has no ready endpoint: S6, S7. */
export function isServingTerminating(candidate: Candidate): boolean {
  const both = SERVING + TERMINATING;
  return (candidate.conditions & both) === both;
}

/** Takes connections or finishes those it has. Ready counts even where `serving` is false: S11. */
export function isServing(candidate: Candidate): boolean {
  return (candidate.conditions & (READY + SERVING)) !== 0;
}

/**
 * Of two entries for one address one is used: a pod that is not terminating before one that terminates
 * (an address may be reused while the old pod is still terminating, F135), then ready, then serving.
 */
function rank(conditions: number): number {
  const lives = (conditions & TERMINATING) === 0 ? 4 : 0;
  const ready = (conditions & READY) === 0 ? 0 : 2;
  return lives + ready + ((conditions & SERVING) === 0 ? 0 : 1);
}

function byText(one: Candidate, other: Candidate): number {
  return one.text < other.text ? -1 : 1;
}

function place(node: string, here: string): Pick<DesiredEndpoint, 'isLocal' | 'onUnknownNode'> {
  return node === '' ? { isLocal: false, onUnknownNode: true } : { isLocal: node === here };
}

/** The slice ports that match this service port, with their endpoints. */
function matchingPorts(
  slices: readonly SliceModel[],
  name: ServicePortName,
): { readonly port: number; readonly slice: SliceModel }[] {
  return slices.flatMap((slice) =>
    slice.ports
      .filter((port) => port.name === name.port && port.protocol === name.protocol)
      .map(({ port }) => ({ port, slice })),
  );
}

/**
 * The endpoints of a service port, each `address:port` once, sorted. `slices` are those of one family in the
 * order of their names, so that the first of two equals is used, whatever the order of events.
 */
export function collectCandidates(
  slices: readonly SliceModel[],
  port: ServicePortName,
  nodeName: string,
): Candidate[] {
  const found = new Map<string, Candidate>();
  for (const { slice, port: slicePort } of matchingPorts(slices, port)) {
    const weight = slice.weight === undefined ? {} : { weight: slice.weight };
    for (const { address, nodeName: node, conditions, hints } of slice.endpoints) {
      const text = formatAddressPort(address, slicePort);
      const known = found.get(text);
      if (known !== undefined && rank(known.conditions) >= rank(conditions)) continue;
      const endpoint = { address, port: slicePort, ...place(node, nodeName), ...weight };
      found.set(text, { text, endpoint, node, conditions, hints });
    }
  }
  return [...found.values()].sort(byText);
}
