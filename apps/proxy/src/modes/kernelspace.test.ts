import type { HcnApi } from '@signalbox/backend-winvfp';
import { expect, it } from 'vitest';
import { measuredHcn } from './kernelspace.ts';
import type { MeasureWrite } from './proxy-mode.ts';

it('measures calls of HNS that write, and not those that read', async () => {
  const calls: string[] = [];
  const hcn: HcnApi = {
    call: ({ op }) => {
      calls.push(op);
      return Promise.resolve({ hresult: 0, call: op, record: '', result: '' } as never);
    },
  };
  const measureWrite: MeasureWrite = (write) => {
    calls.push('measured');
    return write();
  };
  expect(measuredHcn(hcn, {})).toBe(hcn);
  const measured = measuredHcn(hcn, { measureWrite });
  await measured.call({ op: 'hns', path: '/globals/version' });
  await measured.call({ op: 'list', kind: 'endpoint' as never, filter: {} });
  await measured.call({ op: 'delete-load-balancer', id: 'a' });
  expect(calls).toEqual(['hns', 'list', 'measured', 'delete-load-balancer']);
});
