import { describe, expect, it } from 'vitest';
import { formatHresult, HRESULT, meaningOf, reactionTo, type Reaction, type WriteKind } from './hresult.ts';

const ROWS: readonly (readonly [WriteKind, number, Reaction])[] = [
  ['create-load-balancer', HRESULT.rpcUnavailable, 'stop'],
  ['delete-endpoint', HRESULT.rpcFailed, 'stop'],
  ['delete-load-balancer', HRESULT.elementNotFound, 'done'],
  ['delete-endpoint', HRESULT.endpointNotFound, 'done'],
  ['modify-load-balancer', HRESULT.elementNotFound, 'relist'],
  ['create-load-balancer', HRESULT.endpointNotFound, 'relist'],
  ['create-load-balancer', HRESULT.portExists, 'relist'],
  ['create-load-balancer', HRESULT.fileExists, 'relist'],
  ['create-endpoint', HRESULT.objectExists, 'relist'],
  ['create-endpoint', HRESULT.networkNotFound, 'relist'],
  ['create-endpoint', HRESULT.addressOutsideSubnets, 'fail'],
  ['create-endpoint', HRESULT.addressReserved, 'fail'],
  ['create-endpoint', HRESULT.subnetNotFound, 'fail'],
  ['delete-endpoint', HRESULT.hasReferences, 'keep'],
  ['modify-load-balancer', HRESULT.notImplemented, 'no-modify'],
  ['create-load-balancer', HRESULT.notImplemented, 'fail'],
  ['create-load-balancer', HRESULT.invalidParameter, 'fail'],
  ['create-load-balancer', HRESULT.invalidPolicy, 'fail'],
  ['create-load-balancer', HRESULT.invalidJson, 'fail'],
  ['create-load-balancer', HRESULT.unsupported, 'fail'],
  ['delete-load-balancer', HRESULT.fail, 'fail'],
];

describe('what a failed call means', () => {
  it.each(ROWS)('%s %i: %s', (write, hresult, reaction) => {
    expect(reactionTo(write, hresult)).toBe(reaction);
  });

  it('an unknown code is a failure, printed in hexadecimal', () => {
    expect(meaningOf(0x8037_0001)).toEqual({ code: 'rejected', text: 'refused' });
    expect(formatHresult(0x803b_0013)).toBe('0x803b0013');
    expect(formatHresult(0x803b_0013 | 0)).toBe('0x803b0013');
  });
});
