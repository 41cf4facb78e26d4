import { describe, expect, it } from 'vitest';
import { FLAGS } from './flags/flags.ts';
import { flagValues } from './servers.ts';
import { settingsOf } from './testing/settings.ts';

describe('the flags as the log and /flagz show them', () => {
  it.each([
    ['--iptables-sync-period=3s', 'iptables-sync-period', '3s'],
    ['--iptables-min-sync-period=0', 'iptables-min-sync-period', '0s'],
    ['--conntrack-tcp-timeout-established=90m', 'conntrack-tcp-timeout-established', '1h30m0s'],
    ['--log-flush-frequency=250ms', 'log-flush-frequency', '250ms'],
    ['--oom-score-adj=-300', 'oom-score-adj', '-300'],
    ['--nodeport-addresses=10.0.0.0/8,fd00::/8', 'nodeport-addresses', '10.0.0.0/8,fd00::/8'],
    ['--feature-gates=AllowServiceExternalIPs=false', 'feature-gates', 'AllowServiceExternalIPs=false'],
    ['--vmodule=sync=4,node*=2', 'vmodule', 'sync=4,node*=2'],
  ])('F64: %s', (argument, name, shown) => {
    expect(flagValues({ settings: settingsOf([argument]) }).get(name)).toBe(shown);
  });

  it('F64: all of them, those that were not given with their defaults', () => {
    const shown = flagValues({ settings: settingsOf([]) });
    expect([...shown]).toEqual(FLAGS.map(({ name, initial }) => [name, initial]));
  });
});
