import { describe, expect, it } from 'vitest';
import { HRESULT } from '../objects/hresult.ts';
import { parseDocuments, parseReply, parseVersion } from './reply.ts';
import { encodeQuery, encodeRequest } from './request.ts';

describe('requests', () => {
  it('carry the filter as a JSON text inside the JSON', () => {
    expect(encodeQuery({ Name: 'cbr0' })).toBe(
      String.raw`{"SchemaVersion":{"Major":2,"Minor":0},"Filter":"{\"Name\":\"cbr0\"}"}`,
    );
    expect(encodeQuery({})).toBe('{"SchemaVersion":{"Major":2,"Minor":0}}');
  });

  it('are flat: every value is a text', () => {
    const settings = {
      HostComputeEndpoints: ['E'],
      PortMappings: [{ Protocol: 6, InternalPort: 1, ExternalPort: 2 }],
      SchemaVersion: { Major: 2, Minor: 0 },
    };
    const fields = JSON.parse(encodeRequest({ op: 'create-load-balancer', id: 'I', settings })) as Record<
      string,
      unknown
    >;
    expect(Object.values(fields).every((value) => typeof value === 'string')).toBe(true);
    expect(JSON.parse(String(fields['settings']))).toEqual(settings);
  });
});

describe('replies', () => {
  it('keep the HRESULT unsigned', () => {
    const reply = parseReply('{"hr":2151350291,"call":"HcnCreateLoadBalancer","record":"{}","items":[]}');
    expect(reply.hresult).toBe(HRESULT.portExists);
  });

  it('with a record are errors even if the HRESULT is success', () => {
    const record = JSON.stringify({ Success: false, ErrorCode: HRESULT.hasReferences });
    expect(parseReply(JSON.stringify({ hr: 0, call: 'x', record, items: [] })).hresult).toBe(
      HRESULT.hasReferences,
    );
    expect(parseReply('{"hr":0,"call":"x","record":"odd","items":[]}').hresult).toBe(HRESULT.fail);
  });

  it.each(['', 'null', '[]', '{"hr":"0","items":[]}', '{"hr":0}'])(
    'that make no sense are failures: %s',
    (text) => {
      expect(parseReply(text)).toMatchObject({ hresult: HRESULT.fail, call: 'Invoke' });
    },
  );

  it('documents without an id are rejected', () => {
    expect(parseDocuments(['{"ID":"A"}'])).toEqual([{ ID: 'A' }]);
    expect(parseDocuments(['{"ID":"A"}', '{}'])).toBeNull();
    expect(parseDocuments(['{'])).toBeNull();
  });

  it('versions', () => {
    expect(parseVersion('{"Success":true,"Output":{"Major":13,"Minor":2}}')).toEqual({ major: 13, minor: 2 });
    expect(parseVersion('{"Success":false,"Error":"no"}')).toBeNull();
  });
});
