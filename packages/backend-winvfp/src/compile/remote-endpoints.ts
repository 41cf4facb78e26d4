/** Endpoints that HNS needs for addresses that are not on this host. */
import { ENDPOINT_FLAGS, SCHEMA_VERSION, type HcnEndpointSettings } from '../objects/hcn-documents.ts';
import { anyCidrContains } from '@signalbox/core';
import type { CompileContext, DesiredHnsEndpoint } from '../objects/desired.ts';
import { endpointId, remoteMac } from './names.ts';

/** The node that has `address` on the overlay; `null` if no route of the network contains it. */
export function providerAddressOf(address: string, context: CompileContext): string | null {
  const route = context.network.remoteSubnets.find((subnet) => anyCidrContains([subnet.prefix], address));
  return route?.providerAddress ?? null;
}

interface Shape {
  readonly mac: string;
  readonly flags: number;
  /** Empty: no such policy. */
  readonly providerAddress: string;
}

function settings(address: string, shape: Shape, context: CompileContext): HcnEndpointSettings {
  const policy = { Type: 'ProviderAddress', Settings: { ProviderAddress: shape.providerAddress } };
  return {
    HostComputeNetwork: context.network.id,
    ...(shape.providerAddress === '' ? {} : { Policies: [policy] }),
    IpConfigurations: [{ IpAddress: address }],
    Dns: {},
    MacAddress: shape.mac,
    ...(shape.flags === 0 ? {} : { Flags: shape.flags }),
    Health: { Extra: {} },
    SchemaVersion: SCHEMA_VERSION,
  };
}

export function remotePod(address: string, context: CompileContext): DesiredHnsEndpoint {
  const providerAddress = context.network.overlay
    ? (providerAddressOf(address, context) ?? context.nodeIP)
    : '';
  const shape = { mac: remoteMac(address), flags: ENDPOINT_FLAGS.remote, providerAddress };
  return {
    id: endpointId('pod', context.network.id, address),
    address,
    settings: settings(address, shape, context),
  };
}

/** Overlay: an endpoint of this host has the cluster IP, so that pods can resolve it. */
export function serviceVip(address: string, context: CompileContext): DesiredHnsEndpoint {
  const shape = { mac: context.hostMac, flags: ENDPOINT_FLAGS.remote, providerAddress: context.nodeIP };
  return {
    id: endpointId('service-vip', context.network.id, address),
    address,
    settings: settings(address, shape, context),
  };
}

/** Overlay: the source VIP is a local endpoint of this host. `null` where there is none. */
export function sourceVipEndpoint(context: CompileContext): DesiredHnsEndpoint | null {
  if (!context.network.overlay || context.sourceVip === '') return null;
  const shape = { mac: context.hostMac, flags: ENDPOINT_FLAGS.none, providerAddress: '' };
  const address = context.sourceVip;
  return {
    id: endpointId('source-vip', context.network.id, address),
    address,
    settings: settings(address, shape, context),
  };
}
