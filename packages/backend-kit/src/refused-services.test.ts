import { backendError, type DesiredServicePort } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import type { Trial } from './isolate.ts';
import { createRefusedServices, type ServiceTrial } from './refused-services.ts';
import { sampleServicePort } from './testing/sample-state.ts';

const SERVICES = Array.from({ length: 9 }, (_, index) => sampleServicePort('IPv4', { index }));
const [first, second, third] = SERVICES as [DesiredServicePort, DesiredServicePort, DesiredServicePort];
const error = backendError('rejected', 'batch', 'EINVAL', { kernel: 'unchanged' });

/** A kernel that refuses these. */
function refusing(...bad: readonly DesiredServicePort[]): ServiceTrial {
  const attempt = (group: readonly DesiredServicePort[]): Promise<Trial> =>
    Promise.resolve(
      group.some((each) => bad.includes(each)) ? { kind: 'refused', error } : { kind: 'accepted' },
    );
  return { attempt, confirm: (suspect) => attempt([suspect]) };
}

describe('RefusedServices', () => {
  it('finds the service ports that the kernel refuses, and no others', async () => {
    const refused = createRefusedServices();
    expect(await refused.leaveOut(SERVICES, refusing(first, third))).toEqual(
      expect.arrayContaining([first, third]),
    );
    expect([...refused.all.keys()].toSorted()).toEqual([first.key, third.key].toSorted());
    expect(refused.all.get(first.key)).toBe(error);
  });

  it('searches among those alone that are not known to be refused', async () => {
    const refused = createRefusedServices();
    await refused.leaveOut(SERVICES, refusing(first));
    expect(await refused.leaveOut(SERVICES, refusing(first, second))).toEqual([second]);
  });

  it('tries refused ones again, and forgets those that are accepted now', async () => {
    const refused = createRefusedServices();
    await refused.leaveOut(SERVICES, refusing(first, second));
    expect(await refused.retry(SERVICES, refusing(second))).toEqual([first]);
    expect([...refused.all.keys()]).toEqual([second.key]);
  });

  it('keeps those that the condition names', async () => {
    const refused = createRefusedServices();
    await refused.leaveOut(SERVICES, refusing(first, second));
    refused.keep((key) => key === second.key);
    expect([...refused.all.keys()]).toEqual([second.key]);
  });
});
