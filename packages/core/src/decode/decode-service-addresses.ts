import { FAMILIES, type Family } from '../model/family.ts';
import { canonicalAddress, familyOf } from '../model/ip.ts';
import type { ServiceAddresses } from '../model/service.ts';
import { addressProblem, cidrsOfFamily, placed, readAddresses, readCidrs, type Placed } from './addresses.ts';
import { fields, items, text, type Fields, type ProblemLog } from './reader.ts';

type PerFamily<T> = Partial<Record<Family, T>>;

const NO_TEXT: readonly string[] = Object.freeze([]);

function listed(spec: Fields): Placed[] {
  const many = placed('spec.clusterIPs', items(spec['clusterIPs']));
  return many.length > 0 ? many : [{ field: 'spec.clusterIP', value: spec['clusterIP'] }];
}

/** F132. `ipFamilies` names the family of each entry; where it is missing, each address determines its family. */
function clusterIPs(spec: Fields, log: ProblemLog): PerFamily<string> {
  const families = items(spec['ipFamilies']);
  const found: PerFamily<string> = {};
  for (const [index, { field, value }] of listed(spec).entries()) {
    const address = canonicalAddress(text(value));
    const wanted = families[index];
    const reason = addressProblem(address, 'cluster-ip');
    if (address === null || reason !== null) {
      log.add(field, value, reason ?? 'must be an IP address');
    } else if (families.length > 0 && wanted === undefined) {
      log.add(field, value, 'has no family in spec.ipFamilies');
    } else if (wanted !== undefined && wanted !== familyOf(address)) {
      log.add(field, value, `must be of the family in spec.ipFamilies[${index}]`);
    } else {
      found[familyOf(address)] ??= address;
    }
  }
  return found;
}

/** S18: only addresses in VIP mode; in `Proxy` mode traffic must go through the load balancer. */
function loadBalancerIPs(object: Fields, log: ProblemLog): string[] {
  const ingress = items(fields(fields(object['status'])['loadBalancer'])['ingress']);
  const entries: Placed[] = [];
  for (const [index, item] of ingress.entries()) {
    const { ip, ipMode } = fields(item);
    const vip = ipMode === undefined || ipMode === null || ipMode === 'VIP';
    if (vip) entries.push({ field: `status.loadBalancer.ingress[${index}].ip`, value: ip });
  }
  return readAddresses(entries, log, 'load-balancer-ip');
}

interface SourceRangesRead {
  readonly of: (family: Family) => readonly string[];
  /** Ranges are set and none is valid: allowing every source would expose the Service. */
  readonly unreadable: boolean;
}

function sourceRanges(spec: Fields, log: ProblemLog): SourceRangesRead {
  const field = 'spec.loadBalancerSourceRanges';
  const raw = spec['loadBalancerSourceRanges'] ?? [];
  const isList = Array.isArray(raw);
  const entries = isList ? placed(field, items(raw)) : [{ field, value: raw }];
  // Any entry that is not blank is treated as a restriction of sources.
  const asked = entries.filter(({ value }) => typeof value !== 'string' || value.trim() !== '');
  const cidrs = isList ? readCidrs(asked, log) : [];
  const unreadable = asked.length > 0 && cidrs.length === 0;
  if (unreadable) {
    log.add(
      'spec.loadBalancerSourceRanges',
      asked[0]?.value,
      'no usable range: load-balancer IPs are left out',
    );
  }
  return {
    unreadable,
    of: (family) => {
      const own = cidrs.filter((cidr) => cidr.family === family);
      return own.some((cidr) => cidr.prefixLength === 0) ? NO_TEXT : cidrsOfFamily(own, family);
    },
  };
}

function compact(addresses: readonly string[]): readonly string[] {
  return addresses.length === 0 ? NO_TEXT : addresses;
}

/** Addresses by family, for the families in which there is a cluster IP. */
export function decodeServiceAddresses(object: Fields, log: ProblemLog): PerFamily<ServiceAddresses> {
  const spec = fields(object['spec']);
  const cluster = clusterIPs(spec, log);
  const external = readAddresses(placed('spec.externalIPs', items(spec['externalIPs'])), log, 'external-ip');
  const ranges = sourceRanges(spec, log);
  const vips = loadBalancerIPs(object, log);
  const result: PerFamily<ServiceAddresses> = {};
  for (const family of FAMILIES) {
    const clusterIP = cluster[family];
    if (clusterIP === undefined) continue;
    const own = (ip: string): boolean => familyOf(ip) === family && ip !== clusterIP;
    const lb = ranges.unreadable ? [] : vips.filter(own);
    // An address that is both keeps its source ranges: the more restrictive interpretation.
    const others = external.filter((ip) => own(ip) && !vips.includes(ip));
    result[family] = {
      clusterIP,
      externalIPs: compact(others),
      loadBalancerIPs: compact(lb),
      sourceRanges: ranges.of(family),
    };
  }
  return result;
}
