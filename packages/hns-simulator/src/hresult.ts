/** The HRESULTs that the Host Network Service answers with, as unsigned numbers, and the texts it sends along. */
export const HR = {
  ok: 0,
  notImplemented: 0x8000_4001,
  fail: 0x8000_4005,
  invalidHandle: 0x8007_0006,
  invalidArgument: 0x8007_0057,
  alreadyExists: 0x8007_00b7,
  elementNotFound: 0x8007_0490,
  rpcUnavailable: 0x8007_06ba,
  objectExists: 0x8007_1392,
  networkNotFound: 0x803b_0001,
  endpointNotFound: 0x803b_0002,
  subnetNotFound: 0x803b_0005,
  invalidPolicy: 0x803b_000d,
  invalidPolicyType: 0x803b_000e,
  remoteEndpointOperation: 0x803b_000f,
  portAlreadyExists: 0x803b_0013,
  notSupported: 0x803b_0015,
  invalidJson: 0x803b_001b,
  invalidIpAddress: 0x803b_001e,
  hasReferences: 0x803b_002c,
  invalidInternalPort: 0x803b_002d,
  addressReserved: 0x803b_002f,
} as const;

const TEXT = new Map<number, string>([
  [HR.notImplemented, 'Not implemented'],
  [HR.fail, 'Unspecified error'],
  [HR.invalidHandle, 'The handle is invalid.'],
  [HR.invalidArgument, 'The parameter is incorrect.'],
  [HR.alreadyExists, 'Cannot create a file when that file already exists.'],
  [HR.elementNotFound, 'Element not found.'],
  [HR.rpcUnavailable, 'The RPC server is unavailable.'],
  [HR.objectExists, 'The object already exists.'],
  [HR.networkNotFound, 'The network was not found.'],
  [HR.endpointNotFound, 'The endpoint was not found.'],
  [HR.subnetNotFound, 'The subnet was not found.'],
  [HR.invalidPolicy, 'The policy is invalid.'],
  [HR.remoteEndpointOperation, 'A requested operation is invalid for a remote endpoint.'],
  [HR.portAlreadyExists, 'The specified port already exists.'],
  [HR.notSupported, 'The requested operation is not supported.'],
  [HR.invalidJson, 'Invalid JSON document string.'],
  [HR.invalidIpAddress, 'The IP address is not within any of the subnets.'],
  [HR.hasReferences, 'Could not execute the operation because the entity still has references.'],
  [HR.invalidInternalPort, 'The internal port must be specified.'],
  [HR.addressReserved, 'The IP address is either the reserved gateway address or a reserved address.'],
]);

/** Thrown by the rules, turned into a reply at the boundary. */
export class HcnFault extends Error {
  readonly hr: number;

  constructor(hr: number, more = '') {
    super([TEXT.get(hr) ?? 'Unknown error', more].filter((part) => part !== '').join(' '));
    this.hr = hr;
  }
}

/** The error record that comes as an out parameter. */
export function errorRecord(fault: HcnFault): string {
  return JSON.stringify({ Success: false, Error: fault.message, ErrorCode: fault.hr });
}
