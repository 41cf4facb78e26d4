import type { DesiredEndpoint } from '@signalbox/core';
import { expect, it } from 'vitest';
import { endpointName } from './endpoint-name.ts';
import { createEndpointTable } from './endpoint-table.ts';

function endpointAt(index: number): DesiredEndpoint {
  return { address: `10.244.${index >> 8}.${index & 255}`, port: 8080, isLocal: false };
}

it('endpoints that have come and gone do not remove the count of one with an open connection', () => {
  const table = createEndpointTable();
  const lasting = endpointAt(0);
  const end = table.open(lasting);
  table.count(lasting);
  for (let index = 1; index <= 6000; index++) table.open(endpointAt(index))();
  expect(table.active(endpointName(lasting))).toBe(1);
  expect(table.all()).toHaveLength(5000);
  expect(table.all()[0]).toEqual({ address: '10.244.0.0', port: 8080, connections: 1, active: 1 });
  end();
  table.open(endpointAt(6001));
  expect(table.all().map(endpointName)).not.toContain(endpointName(lasting));
});
