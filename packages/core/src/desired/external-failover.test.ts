import { describe, expect, it } from 'vitest';
import { SUPPORTS_ALL, unsupportedFeatures } from '../balancing/unsupported.ts';
import { formatInputProblem } from '../input.ts';
import type { ModelConfig } from '../model/model-config.ts';
import { describeCase, HERE, modelOf, THERE, type DescribedCase } from '../testing/described-service.ts';
import { frontendTexts } from '../testing/frontends.ts';
import { serviceObject, TEST_CONFIG, upsert, type EndpointShape } from '../testing/objects.ts';
import type { Model } from '../track/model-types.ts';

const ANNOTATION = 'signalbox.dev/external-failover';

function service(policy?: string, spec: object = {}): NonNullable<DescribedCase['service']> {
  return {
    metadata: { annotations: policy === undefined ? {} : { [ANNOTATION]: policy } },
    spec: {
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ name: 'http', port: 80, nodePort: 30_080 }],
      ...spec,
    },
  };
}

function nodePort(of: DescribedCase): string | undefined {
  const port = modelOf(of).build('IPv4').state.servicePorts.get('shop/cart:http/TCP');
  return port === undefined ? undefined : frontendTexts(port).at(-1);
}

const FIRST = 'local-pods → cluster (S22), node → cluster* (S22)';
const ELSEWHERE: readonly EndpointShape[] = [THERE];

describe('external failover', () => {
  const rows: readonly (readonly [title: string, of: DescribedCase, routes: string])[] = [
    ['nothing specified: drops', { service: service() }, `${FIRST}, any → drop (S22)`],
    ['drop', { service: service('drop') }, `${FIRST}, any → drop (S22)`],
    ['reject', { service: service('reject') }, `${FIRST}, any → reject (S66)`],
    ['cluster: as with policy Cluster', { service: service('cluster') }, 'any → cluster* (S66)'],
    ['passthrough', { service: service('passthrough') }, `${FIRST}, any → pass (S66)`],
    [
      'the field of the API',
      { service: service(undefined, { externalFailoverPolicy: 'Passthrough' }) },
      `${FIRST}, any → pass (S66)`,
    ],
    [
      'the annotation takes precedence over the field',
      { service: service('reject', { externalFailoverPolicy: 'Passthrough' }) },
      `${FIRST}, any → reject (S66)`,
    ],
    [
      'an invalid annotation leaves the field in force',
      { service: service('pass', { externalFailoverPolicy: 'Passthrough' }) },
      `${FIRST}, any → pass (S66)`,
    ],
    [
      'a policy that the proxy mode cannot do: drops',
      { service: service('reject'), config: { externalFailovers: ['cluster'] } },
      `${FIRST}, any → drop (S22)`,
    ],
    [
      'a local endpoint is used whatever the policy',
      { service: service('cluster'), endpoints: [HERE, THERE] },
      `${FIRST}, any → local (S22)`,
    ],
    [
      'policy Cluster: no effect',
      { service: service('passthrough', { externalTrafficPolicy: 'Cluster' }) },
      'any → cluster* (S21)',
    ],
    [
      'passthrough without any endpoint',
      { service: service('passthrough'), endpoints: [] },
      'any → pass (S66)',
    ],
    ['reject without any endpoint', { service: service('reject'), endpoints: [] }, 'any → reject (S23)'],
    ['cluster without any endpoint', { service: service('cluster'), endpoints: [] }, 'any → reject (S23)'],
  ];
  it.each(rows)('S66: %s', (_, of, routes) => {
    expect(nodePort({ endpoints: ELSEWHERE, ...of })).toBe(`node-port 30080: ${routes}`);
  });

  it('S66: invalid values are reported with what is allowed', () => {
    const model = modelOf({});
    const invalid = service('Passthrough', { externalFailoverPolicy: 'Reject' });
    expect(model.apply(upsert('Service', serviceObject(invalid))).map(formatInputProblem)).toEqual([
      `Service shop/cart.metadata.annotations[${ANNOTATION}]: invalid value "Passthrough": must be drop, reject, cluster, passthrough: the annotation is ignored`,
      'Service shop/cart.spec.externalFailoverPolicy: invalid value "Reject": must be Passthrough: the default of the proxy mode is used',
    ]);
  });
});

const WITHOUT_PASS: ModelConfig = { ...TEST_CONFIG, externalFailovers: ['drop', 'cluster'] };
const UNSUPPORTED = `metadata.annotations[${ANNOTATION}] "passthrough" is not supported in mode ipvs: its default is used`;

describe('a policy that the proxy mode cannot do', () => {
  const cartPort = 'shop/cart:http/TCP';
  const reported = (model: Model): readonly string[] => {
    const port = model.build('IPv4').state.servicePorts.get(cartPort);
    if (port === undefined) throw new Error('no service port');
    return unsupportedFeatures(port, { mode: 'ipvs', support: SUPPORTS_ALL }).map(
      ({ reason, message }) => `${reason}: ${message}`,
    );
  };

  it('S66: is reported with annotation, value and mode', () => {
    const model = modelOf({ config: WITHOUT_PASS, service: service('passthrough'), endpoints: ELSEWHERE });
    expect(reported(model)).toEqual([`UnsupportedExternalFailover: ${UNSUPPORTED}`]);
    model.apply(upsert('Service', serviceObject(service('cluster'))));
    expect(reported(model)).toEqual([]);
  });

  it('S66: is reported by the name of the field, if the Service specifies it there', () => {
    const field = service(undefined, { externalFailoverPolicy: 'Passthrough' });
    expect(reported(modelOf({ config: WITHOUT_PASS, service: field }))).toEqual([
      'UnsupportedExternalFailover: spec.externalFailoverPolicy "passthrough" is not supported in mode ipvs: its default is used',
    ]);
  });

  it('S66: is not reported with policy Cluster, where it has no effect', () => {
    const cluster = service('passthrough', { externalTrafficPolicy: 'Cluster' });
    expect(reported(modelOf({ config: WITHOUT_PASS, service: cluster }))).toEqual([]);
  });

  it('S66: is reported, and the default is programmed, when the proxy mode changes', () => {
    const model = modelOf({ service: service('passthrough'), endpoints: ELSEWHERE });
    expect(reported(model)).toEqual([]);
    model.configure(WITHOUT_PASS);
    const [changed] = model.build('IPv4').change.servicePorts.changed;
    expect(changed?.after.frontends.at(-1)?.routes.at(-1)?.target).toBe('drop');
    expect(reported(model)).toEqual([`UnsupportedExternalFailover: ${UNSUPPORTED}`]);
    model.configure(TEST_CONFIG);
    expect(reported(model)).toEqual([]);
  });
});

describe('the description of a Service with external failover', () => {
  const problemsOf = (of: DescribedCase): string[] =>
    describeCase({ endpoints: ELSEWHERE, ...of }).problems.map(
      ({ severity, rule, message }) => `${severity} ${rule ?? ''} ${message}`,
    );

  it('S66: has the policy, and notes what happens', () => {
    const passing = describeCase({ service: service('passthrough'), endpoints: ELSEWHERE });
    expect(passing).toMatchObject({ externalFailover: 'passthrough', served: true });
    expect(passing.ports[0]?.frontends.at(-1)).toMatchObject({ outcome: 'pass', rule: 'S66' });
    expect(problemsOf({ service: service('passthrough') })).toEqual([
      'note S66 No endpoint on this node: packets from outside to node-port 30080/TCP go on by the routes of this node',
    ]);
    expect(problemsOf({ service: service('cluster') })).toEqual([
      'note S66 No endpoint on this node: connections to node-port 30080/TCP go to endpoints of other nodes, masqueraded',
    ]);
  });

  it('S66: names rejected connections as an error, as dropped ones', () => {
    expect(problemsOf({ service: service('reject') })).toEqual([
      'error S66 No endpoint on this node, and externalTrafficPolicy is Local: packets to node-port 30080/TCP are rejected; endpoints run on node-b',
    ]);
  });

  it('S66: warns of a policy that the proxy mode cannot do', () => {
    const [dropped, ...warnings] = problemsOf({ service: service('passthrough'), config: WITHOUT_PASS });
    expect(dropped).toContain('are dropped; endpoints run on node-b');
    expect(warnings).toEqual([`warning  ${UNSUPPORTED.replace('mode ipvs', 'this proxy mode')}`]);
  });
});
