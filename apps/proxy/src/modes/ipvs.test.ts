import { expect, it } from 'vitest';
import { settingsOf, settingsOfFile } from '../testing/settings.ts';
import { ipvsOptions } from './ipvs.ts';

it.each([
  ['drop', []],
  ['drop', ['--ipvs-local-policy-fallback=drop']],
  ['cluster', ['--ipvs-local-policy-fallback=cluster']],
] as const)('without a local endpoint, policy Local means "%s" after %j', async (expected, argv) => {
  const bare = settingsOf(['--proxy-mode=ipvs', ...argv]);
  const besideFile = settingsOfFile('mode: ipvs\n', argv);
  for (const settings of [bare, besideFile]) {
    expect(await ipvsOptions(settings, 'IPv4')).toMatchObject({ localPolicyFallback: expected });
  }
});

it('the backend gets what flags say, timeouts in seconds', async () => {
  const settings = settingsOf([
    '--proxy-mode=ipvs',
    '--ipvs-scheduler=mh',
    '--ipvs-strict-arp',
    '--ipvs-exclude-cidrs=192.0.2.0/24',
    '--ipvs-tcp-timeout=15m',
    '--ipvs-udp-timeout=90s',
    '--iptables-masquerade-bit=7',
  ]);
  expect(await ipvsOptions(settings, 'IPv6')).toMatchObject({
    family: 'IPv6',
    scheduler: 'mh',
    strictARP: true,
    excludeCIDRs: ['192.0.2.0/24'],
    timeouts: { tcp: 900, tcpFin: 0, udp: 90 },
    masqueradeBit: 7,
  });
});
