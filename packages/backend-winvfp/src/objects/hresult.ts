/** HNS's error numbers and how this backend handles them. Unsigned 32-bit. */
import type { BackendErrorCode } from '@signalbox/core';

export const HRESULT = {
  notImplemented: 0x8000_4001,
  fail: 0x8000_4005,
  accessDenied: 0x8007_0005,
  invalidParameter: 0x8007_0057,
  fileExists: 0x8007_00b7,
  elementNotFound: 0x8007_0490,
  rpcUnavailable: 0x8007_06ba,
  rpcFailed: 0x8007_06be,
  rpcFailedUnexecuted: 0x8007_06bf,
  objectExists: 0x8007_1392,
  networkNotFound: 0x803b_0001,
  endpointNotFound: 0x803b_0002,
  subnetNotFound: 0x803b_0005,
  switchPortNotFound: 0x803b_0007,
  invalidPolicy: 0x803b_000d,
  portExists: 0x803b_0013,
  unsupported: 0x803b_0015,
  invalidJson: 0x803b_001b,
  addressOutsideSubnets: 0x803b_001e,
  hasReferences: 0x803b_002c,
  addressReserved: 0x803b_002f,
} as const;

interface Meaning {
  readonly code: BackendErrorCode;
  readonly text: string;
}

const RPC: Meaning = { code: 'unavailable', text: 'the Host Network Service does not answer' };

const MEANINGS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [HRESULT.notImplemented, { code: 'unsupported', text: 'not implemented by this version of HNS' }],
  [
    HRESULT.accessDenied,
    { code: 'not-permitted', text: 'access denied: this needs the SYSTEM account or an administrator' },
  ],
  [
    HRESULT.invalidParameter,
    { code: 'rejected', text: 'invalid parameter (more than 64 endpoints need DSR on Windows Server 2019)' },
  ],
  [HRESULT.fileExists, { code: 'exists', text: 'it already exists in the virtual switch' }],
  [HRESULT.elementNotFound, { code: 'not-found', text: 'element not found' }],
  [HRESULT.rpcUnavailable, RPC],
  [HRESULT.rpcFailed, RPC],
  [HRESULT.rpcFailedUnexecuted, RPC],
  [
    HRESULT.objectExists,
    { code: 'exists', text: 'the address or MAC address is in use by another endpoint' },
  ],
  [HRESULT.networkNotFound, { code: 'not-found', text: 'the network was not found' }],
  [HRESULT.endpointNotFound, { code: 'not-found', text: 'the endpoint was not found' }],
  [HRESULT.subnetNotFound, { code: 'rejected', text: 'the network has no subnet for it' }],
  [HRESULT.switchPortNotFound, { code: 'not-found', text: 'the switch port was not found' }],
  [HRESULT.invalidPolicy, { code: 'rejected', text: 'invalid policy' }],
  [
    HRESULT.portExists,
    {
      code: 'exists',
      text: 'the port is taken by another load balancer, a listening process or the dynamic port pool',
    },
  ],
  [HRESULT.unsupported, { code: 'unsupported', text: 'not supported by this version of HNS' }],
  [HRESULT.invalidJson, { code: 'protocol', text: 'HNS cannot read the document' }],
  [
    HRESULT.addressOutsideSubnets,
    { code: 'rejected', text: 'the address lies in none of the subnets of the network' },
  ],
  [HRESULT.hasReferences, { code: 'busy', text: 'another object still refers to it' }],
  [HRESULT.addressReserved, { code: 'rejected', text: 'the address is the gateway or reserved' }],
]);

export function meaningOf(hresult: number): Meaning {
  return MEANINGS.get(hresult) ?? { code: 'rejected', text: 'refused' };
}

/** `0x803b0013`. */
export function formatHresult(hresult: number): string {
  return `0x${(hresult >>> 0).toString(16).padStart(8, '0')}`;
}

const METRIC_ERRORS: ReadonlyMap<number, string> = new Map([
  [HRESULT.networkNotFound, 'network_not_found'],
  [HRESULT.portExists, 'port_already_exists'],
  [HRESULT.notImplemented, 'not_implemented'],
  [HRESULT.addressOutsideSubnets, 'invalid_ip'],
]);

/** The label `error` of kube-proxy's metrics of failed writes. */
export function metricErrorOf(hresult: number): string {
  return METRIC_ERRORS.get(hresult) ?? 'other';
}

/**
 * What to do about a failed write.
 * - `stop`: HNS does not answer; end the round and discard the stored state.
 * - `done`: the object to be deleted does not exist any more.
 * - `relist`: HNS differs from the stored state; list it and try again.
 * - `keep`: keep the object until a later round, without a failure.
 * - `no-modify`: do not modify in place any more; delete and create.
 * - `fail`: this service port is not programmed; the next sync tries again.
 */
export type Reaction = 'stop' | 'done' | 'relist' | 'keep' | 'no-modify' | 'fail';

export type WriteKind =
  | 'create-endpoint'
  | 'delete-endpoint'
  | 'create-load-balancer'
  | 'modify-load-balancer'
  | 'delete-load-balancer';

const GONE: readonly number[] = [HRESULT.elementNotFound, HRESULT.endpointNotFound];
const SURPRISES: readonly number[] = [
  ...GONE,
  HRESULT.networkNotFound,
  HRESULT.switchPortNotFound,
  HRESULT.fileExists,
  HRESULT.objectExists,
  HRESULT.portExists,
];

export function reactionTo(write: WriteKind, hresult: number): Reaction {
  if (meaningOf(hresult).code === 'unavailable') return 'stop';
  if (write === 'delete-endpoint' || write === 'delete-load-balancer') {
    if (GONE.includes(hresult)) return 'done';
    return hresult === HRESULT.hasReferences ? 'keep' : 'fail';
  }
  if (write === 'modify-load-balancer' && hresult === HRESULT.notImplemented) return 'no-modify';
  return SURPRISES.includes(hresult) ? 'relist' : 'fail';
}
