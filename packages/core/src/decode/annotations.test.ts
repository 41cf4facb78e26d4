import { describe, expect, it } from 'vitest';
import { formatInputProblem } from '../input.ts';
import { serviceObject } from '../testing/objects.ts';
import { decodeService } from './decode-service.ts';

describe('the annotations of a Service', () => {
  it.each([
    [undefined, null],
    ['round-robin', 'round-robin'],
    ['random', 'random'],
    ['least-connections', 'least-connections'],
    ['maglev', 'maglev'],
  ])('give the load-balancing algorithm %j as %j', (value, algorithm) => {
    const annotations = { 'signalbox.dev/load-balancing': value };
    const { value: model, problems } = decodeService(serviceObject({ metadata: { annotations } }));
    expect([model?.balancing, problems]).toEqual([algorithm, []]);
  });

  it.each(['fastest', 'Random', '', 5, null, ['random']])(
    'with the load-balancing algorithm %j give the default, and a problem with annotation and value',
    (value) => {
      const annotations = { 'signalbox.dev/load-balancing': value };
      const { value: model, problems } = decodeService(serviceObject({ metadata: { annotations } }));
      expect(model).toMatchObject({ balancing: null, ports: [{ port: 80 }] });
      expect(problems.map(formatInputProblem)).toEqual(
        value === null
          ? []
          : [
              `Service shop/cart.metadata.annotations[signalbox.dev/load-balancing]: invalid value ${JSON.stringify(value)}: must be round-robin, random, least-connections, maglev: the default of the proxy mode is used`,
            ],
      );
    },
  );
});
