/**
 * HNS's documents in one shape. HNS leaves out empty fields, and other agents write documents of any shape: where documents
 * are read, absent lists become empty ones, so that no object of another program can stop a sync.
 */
import type {
  HcnEndpoint,
  HcnLoadBalancer,
  HcnNetwork,
  HcnPolicy,
  HcnPortMapping,
} from '../objects/hcn-documents.ts';

/** A document as it came: only its id is certain. */
export interface RawDocument {
  readonly ID: string;
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function textOf(value: unknown): string {
  return isText(value) ? value : '';
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function policiesOf(value: unknown): readonly HcnPolicy[] {
  return listOf(value).flatMap((policy) => {
    if (!isObject(policy) || !isText(policy['Type'])) return [];
    return [{ Type: policy['Type'], Settings: isObject(policy['Settings']) ? policy['Settings'] : {} }];
  });
}

export function readNetworkDocument(raw: RawDocument): HcnNetwork {
  const { ID, Name, Type, Policies } = raw;
  return { ID, Name: textOf(Name), Type: textOf(Type), Policies: policiesOf(Policies) };
}

export function readEndpointDocument(raw: RawDocument): HcnEndpoint {
  const configurations = listOf(raw['IpConfigurations']).filter(isObject);
  return {
    ID: raw.ID,
    Name: textOf(raw['Name']),
    HostComputeNetwork: textOf(raw['HostComputeNetwork']),
    IpConfigurations: configurations.flatMap(({ IpAddress }) => (isText(IpAddress) ? [{ IpAddress }] : [])),
    MacAddress: textOf(raw['MacAddress']),
    Policies: policiesOf(raw['Policies']),
    Flags: numberOf(raw['Flags']),
  };
}

/** One with a VIP or a mapping that cannot be read has no mappings: its frontend is unknown, it is not modified. */
export function readLoadBalancerDocument(raw: RawDocument): HcnLoadBalancer {
  const vips = listOf(raw['FrontendVIPs']);
  const mappings = listOf(raw['PortMappings']);
  const readable = vips.every((vip) => typeof vip === 'string') && mappings.every(isObject);
  return {
    ID: raw.ID,
    HostComputeEndpoints: listOf(raw['HostComputeEndpoints']).filter(isText),
    SourceVIP: textOf(raw['SourceVIP']),
    FrontendVIPs: vips.filter(isText),
    PortMappings: readable ? mappings.filter(isObject).map(portMappingOf) : [],
    Flags: numberOf(raw['Flags']),
  };
}

function portMappingOf(fields: Fields): HcnPortMapping {
  return {
    Protocol: numberOf(fields['Protocol']),
    InternalPort: numberOf(fields['InternalPort']),
    ExternalPort: numberOf(fields['ExternalPort']),
    DistributionType: numberOf(fields['DistributionType']),
    Flags: numberOf(fields['Flags']),
  };
}
