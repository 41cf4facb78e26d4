import { FAMILIES, otherFamily, type Family } from '../model/family.ts';
import { canonicalAddress, familyOf } from '../model/ip.ts';
import type { NodeModel } from '../model/node.ts';
import type { NodeView } from '../model/model-config.ts';

export interface NodeStore {
  set(node: NodeModel): void;
  /** `keep-last`: this node's own object was deleted; `forget`: another one. */
  remove(name: string, what: 'keep-last' | 'forget'): void;
  /** Null if the Node is not known, or has no zone. */
  zoneOf(node: string): string | null;
  /** This node as the model uses it. */
  view(nodeName: string, override: string | null): NodeView;
}

function firstOf(addresses: readonly string[], family: Family): string | undefined {
  return addresses.find((address) => familyOf(address) === family);
}

/** F117, F118. */
function nodeIPs(
  addresses: readonly string[],
  override: string | null,
): Pick<NodeView, 'ips' | 'primaryFamily'> {
  const primary = (override === null ? null : canonicalAddress(override)) ?? addresses[0];
  const primaryFamily = primary === undefined ? 'IPv4' : familyOf(primary);
  const ips: Partial<Record<Family, string>> = {};
  for (const family of FAMILIES) {
    const ip = family === primaryFamily ? primary : firstOf(addresses, otherFamily(primaryFamily));
    if (ip !== undefined) ips[family] = ip;
  }
  return { ips, primaryFamily };
}

/**
 * Nodes by name. A node that was deleted keeps its last addresses, zone and pod ranges until it is seen again:
 * the machine still forwards traffic, and a Node object comes and goes with a re-registration (F121).
 */
export function createNodeStore(): NodeStore {
  const nodes = new Map<string, NodeModel>();
  const gone = new Set<string>();
  return {
    set(node) {
      nodes.set(node.name, node);
      gone.delete(node.name);
    },
    remove(name, what) {
      if (what === 'forget') nodes.delete(name);
      else if (nodes.has(name)) gone.add(name);
    },
    zoneOf: (node) => nodes.get(node)?.zone ?? null,
    view(nodeName, override) {
      const node = nodes.get(nodeName);
      const known = node !== undefined && !gone.has(nodeName);
      return {
        known,
        eligible: known && node.eligible,
        ...nodeIPs(node?.addresses ?? [], override),
        podCIDRs: node?.podCIDRs ?? [],
        zone: node?.zone ?? null,
        uid: node?.uid ?? null,
      };
    },
  };
}
