import { type Result, succeed } from '@signalbox/core';
import { ownedServers } from './diff/ownership.ts';
import { SERVICE_DEVICE } from './objects/bound-address.ts';
import { settingsOf, type IpvsBackendOptions } from './options.ts';

/** What a clean-up would remove of one family; reads only. Loads no kernel module. */
export async function surveyIpvs(options: IpvsBackendOptions): Promise<Result<readonly string[]>> {
  const { driver, family, journal } = settingsOf(options);
  const observed = await driver.observe();
  if (!observed.ok) return observed;
  const { boundAddresses, sets, device } = observed.value;
  const counts = [
    [ownedServers(family, observed.value, await journal.load()).size, 'virtual servers'],
    [boundAddresses.size, `addresses of ${SERVICE_DEVICE}`],
    [sets.size, 'sets, and the rules that match them'],
  ] as const;
  const lines = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what} (${family})`);
  return succeed([...lines, ...(device === 'owned' && lines.length > 0 ? [`device ${SERVICE_DEVICE}`] : [])]);
}
