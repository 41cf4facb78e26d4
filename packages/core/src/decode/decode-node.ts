import type { NodeModel } from '../model/node.ts';
import { placed, readAddresses, readCidrs, type Placed } from './addresses.ts';
import { clusterIdentity, fields, items, text, type Decoded, type Fields } from './reader.ts';

const ZONE_LABEL = 'topology.kubernetes.io/zone';
const AUTOSCALER_TAINT = 'ToBeDeletedByClusterAutoscaler';

/** F117: InternalIPs in status order, then ExternalIPs. */
function addressEntries(status: Fields): Placed[] {
  const entries = items(status['addresses']).map((item, index) => ({
    type: fields(item)['type'],
    field: `status.addresses[${index}].address`,
    value: fields(item)['address'],
  }));
  return ['InternalIP', 'ExternalIP'].flatMap((type) => entries.filter((entry) => entry.type === type));
}

function podCidrEntries(spec: Fields): Placed[] {
  const many = placed('spec.podCIDRs', items(spec['podCIDRs']));
  const one = spec['podCIDR'];
  if (many.length > 0 || one === undefined || one === null) return many;
  return [{ field: 'spec.podCIDR', value: one }];
}

/** A Node as parsed JSON. */
export function decodeNode(object: unknown): Decoded<NodeModel> {
  const identity = clusterIdentity('Node', object);
  if (!('metadata' in identity)) return identity;
  const { name, key, metadata, log } = identity;
  const spec = fields(fields(object)['spec']);
  const tainted = items(spec['taints']).some((taint) => fields(taint)['key'] === AUTOSCALER_TAINT);
  const deleting = metadata['deletionTimestamp'] !== undefined && metadata['deletionTimestamp'] !== null;
  const value: NodeModel = {
    name,
    uid: text(metadata['uid']) || null,
    eligible: !tainted && !deleting,
    zone: text(fields(metadata['labels'])[ZONE_LABEL]) || null,
    addresses: readAddresses(addressEntries(fields(fields(object)['status'])), log, 'node'),
    podCIDRs: readCidrs(podCidrEntries(spec), log).map((cidr) => cidr.text),
  };
  return { key, value, problems: log.found };
}
