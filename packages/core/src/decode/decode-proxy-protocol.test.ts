import { describe, expect, it } from 'vitest';
import { formatInputProblem } from '../input.ts';
import { checkedChange } from '../desired/validate-change.ts';
import { serviceObject, TEST_CONFIG, upsert } from '../testing/objects.ts';
import { createModel } from '../track/model.ts';
import { decodeService } from './decode-service.ts';

function annotated(value: unknown) {
  return { metadata: { annotations: { 'signalbox.dev/proxy-protocol': value } } };
}

function stateOf(value: unknown) {
  const ports = [
    { name: 'http', port: 80 },
    { name: 'dns', port: 53, protocol: 'UDP' },
  ];
  const model = createModel(TEST_CONFIG);
  model.apply(upsert('Service', serviceObject({ ...annotated(value), spec: { ports } })));
  return model.build('IPv4').state;
}

describe('the annotation for the PROXY protocol', () => {
  it.each(['v1', 'v2'])('applies to the TCP ports of the Service with the value %s', (value) => {
    const state = stateOf(value);
    const versionOf = (key: string) => state.servicePorts.get(key)?.proxyProtocol;
    expect([versionOf('shop/cart:http/TCP'), versionOf('shop/cart:dns/UDP')]).toEqual([value, undefined]);
    expect(checkedChange(state).ok).toBe(true);
  });

  it('adds nothing to service ports if it is absent', () => {
    const [port] = stateOf(undefined).servicePorts.values();
    expect(port).not.toHaveProperty('proxyProtocol');
  });

  it.each(['v3', 'V1', '', 1, ['v1']])(
    'with the value %j has no effect, and a problem names annotation and value',
    (value) => {
      const { value: model, problems } = decodeService(serviceObject(annotated(value)));
      expect(model).toMatchObject({ proxyProtocol: null, ports: [{ port: 80 }] });
      expect(problems.map(formatInputProblem)).toEqual([
        `Service shop/cart.metadata.annotations[signalbox.dev/proxy-protocol]: invalid value ${JSON.stringify(value)}: must be v1 or v2: connections to endpoints have no header`,
      ]);
    },
  );

  it('is checked in a desired state written by hand', () => {
    const state = stateOf('v1');
    const wrong = [...state.servicePorts].map(
      ([key, port]) => [key, { ...port, proxyProtocol: 'v3' as 'v1' }] as const,
    );
    const checked = checkedChange({ ...state, servicePorts: new Map(wrong) });
    expect(checked).toMatchObject({ ok: false });
    expect(JSON.stringify(checked)).toContain('.proxyProtocol');
  });
});
