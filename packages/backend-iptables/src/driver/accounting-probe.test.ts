import { fullChange } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { createFakeIptables } from '@signalbox/iptables/testing';
import { createIptablesBackend } from '../sync/iptables-backend.ts';
import { sampleState } from '../testing/sample-state.ts';
import { whyNoAccounting } from './accounting-probe.ts';

describe('the probe for accounting', () => {
  it('F162 F163: adds a rule for each object to the kernel, and removes it', async () => {
    const fake = createFakeIptables({ family: 'IPv4' });
    const before = fake.dump('filter');
    expect(await whyNoAccounting(fake.driver, ['one', 'two'])).toBeNull();
    expect(fake.inputs).toEqual([
      '*filter\n:KUBE-PROXY-PROBE - [0:0]\n-A KUBE-PROXY-PROBE -m nfacct --nfacct-name one -j RETURN\n' +
        '-A KUBE-PROXY-PROBE -m nfacct --nfacct-name two -j RETURN\nCOMMIT\n',
      '*filter\n:KUBE-PROXY-PROBE - [0:0]\n-X KUBE-PROXY-PROBE\nCOMMIT\n',
    ]);
    expect(fake.dump('filter')).toBe(before);
  });

  it('returns the error of the tool, and leaves nothing', async () => {
    const fake = createFakeIptables({ family: 'IPv4', faults: (what) => what === 'iptables-restore filter' });
    const before = fake.dump('filter');
    expect(await whyNoAccounting(fake.driver, ['one'])).toMatchObject({
      code: 'rejected',
      message: 'fault',
    });
    expect(fake.dump('filter')).toBe(before);
  });

  it('leaves at most a chain that the first sync removes', async () => {
    const calls = { restores: 0 };
    const second = (what: string): boolean => what === 'iptables-restore' && ++calls.restores === 2;
    const fake = createFakeIptables({ family: 'IPv4', faults: second });
    expect(await whyNoAccounting(fake.driver, ['one'])).toBeNull();
    expect(fake.dump('filter')).toContain(':KUBE-PROXY-PROBE');
    const backend = createIptablesBackend({ family: 'IPv4', driver: fake.driver });
    expect(await backend.sync(fullChange(sampleState([])))).toMatchObject({ outcome: 'ok' });
    expect(fake.dump('filter')).not.toContain('KUBE-PROXY-PROBE');
  });
});
