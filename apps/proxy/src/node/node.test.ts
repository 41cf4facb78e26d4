import { describe, expect, it } from 'vitest';
import { hidesLegacyTables } from '../modes/iptables.ts';
import { settingsOf } from '../testing/settings.ts';
import type { NodeView } from '@signalbox/core';
import { checkFamilies, checkNode } from './family-check.ts';
import { createNodeCheck } from './node-watch.ts';
import { applySysctls, countRanges, needsRouteLocalnet, setOomScore } from './prepare-node.ts';
import { fakeFiles } from '../testing/files.ts';
import { setSysctl } from './sysctl.ts';

describe('CPUs', () => {
  it('F95: counts CPUs that are online', () => {
    expect(countRanges('0-3')).toBe(4);
    expect(countRanges('0-3,8,10-11')).toBe(7);
    expect(countRanges('nonsense')).toBe(0);
  });
});

describe('settings of the mode', () => {
  it.each([
    [[], true],
    [['--nodeport-addresses=127.0.0.0/8'], true],
    [['--nodeport-addresses=0.0.0.0/0'], true],
    [['--nodeport-addresses=fd00::/8'], true],
    [['--nodeport-addresses=10.0.0.0/8'], false],
    [['--nodeport-addresses=primary'], false],
    [['--nodeport-addresses=126.0.0.0/7'], true],
    [['--nodeport-addresses=127.0.0.53/32'], true],
    [['--nodeport-addresses=localhost,primary'], true],
    [['--nodeport-addresses=primary,all'], true],
    [['--nodeport-addresses=primary,10.0.0.0/8'], false],
    [['--nodeport-addresses=10.0.0.0/8,::/0'], false],
    [['--iptables-localhost-nodeports=false'], false],
  ])('F22 S40: %j needs route_localnet: %j', (argv, expected) => {
    expect(needsRouteLocalnet(settingsOf(argv).config)).toBe(expected);
  });

  it("F94 S40: a mode's own setting that cannot be made is fatal, and named", () => {
    const path = '/proc/sys/net/ipv4/conf/all/route_localnet';
    const { files } = fakeFiles({ [path]: '0' }, { [path]: 'EROFS' });
    const error = applySysctls(files, [{ path: 'net/ipv4/conf/all/route_localnet', value: '1' }]);
    expect(error).toContain(`cannot set ${path} to 1 (it is 0): the file system is read-only`);
  });

  it('a setting that is right already is not written', () => {
    const { files, written } = fakeFiles({ '/proc/sys/a/b': '1' }, { '/proc/sys/a/b': 'EROFS' });
    expect(setSysctl(files, { path: 'a/b', value: '1' })).toBeNull();
    expect(written).toEqual([]);
  });

  it('a setting that is stricter than asked for is neither written nor an error', () => {
    const { files, written } = fakeFiles({ '/proc/sys/a/b': '2' }, { '/proc/sys/a/b': 'EROFS' });
    expect(setSysctl(files, { path: 'a/b', value: '1', suffices: (current) => current === '2' })).toBeNull();
    expect(setSysctl(files, { path: 'a/b', value: '1', suffices: () => false })).toContain('(it is 2)');
    expect(written).toEqual([]);
  });
});

describe('without the rights of root', () => {
  it('F38: a score that may not be lowered is a line that names the missing capability', () => {
    const path = '/proc/self/oom_score_adj';
    const { files } = fakeFiles({ [path]: '0' }, { [path]: 'EACCES' });
    expect(setOomScore(files, -999)).toBe(
      `cannot set ${path} to -999 (it is 0): no permission: a lower score requires CAP_SYS_RESOURCE; with oomScoreAdj: 0 the score is not changed`,
    );
    expect(setOomScore(files, 0)).toBeNull();
  });

  it.each([
    ['EACCES', true],
    ['ENOENT', false],
    ['', false],
  ])('tables of iptables-legacy, reading them gives %j: hidden is %j', (code, hidden) => {
    const read = (): string => {
      if (code === '') return 'nat\n';
      throw Object.assign(new Error(code), { code });
    };
    expect(hidesLegacyTables({ read, write: () => undefined })).toBe(hidden);
  });
});

describe('IP families', () => {
  const check = (argv: string[], families: ('IPv4' | 'IPv6')[]) => checkFamilies(settingsOf(argv), families);

  it('F96 S65: no family at all, or not the one of bindAddress, is fatal', () => {
    expect(check([], []).fatal).toContain('neither IPv4 nor IPv6 works');
    expect(check(['--bind-address=fd00::1'], ['IPv4']).fatal).toContain('no IPv6 support');
    expect(check([], ['IPv6']).fatal).toBeNull();
  });

  it('F98: a cluster CIDR of the wrong family is fatal on a single-stack node', () => {
    expect(check(['--cluster-cidr=fd00::/8'], ['IPv4']).fatal).toContain(
      'clusterCIDR fd00::/8 has no IPv4 range',
    );
    expect(check(['--cluster-cidr=fd00::/8'], ['IPv4', 'IPv6']).fatal).toBeNull();
    expect(check(['--cluster-cidr=fd00::/8,10.0.0.0/8'], ['IPv4']).fatal).toBeNull();
  });

  const view = (address: string, podCIDRs: readonly string[] = []): NodeView => ({
    known: true,
    eligible: true,
    ips: address === '' ? {} : address.includes(':') ? { IPv6: address } : { IPv4: address },
    primaryFamily: address.includes(':') ? 'IPv6' : 'IPv4',
    podCIDRs,
    zone: null,
    uid: 'n1',
  });
  const checkWith = (argv: string[], families: ('IPv4' | 'IPv6')[], node: NodeView) =>
    checkNode(settingsOf(argv).config, families, node);

  it('F96: a node whose primary address is of a family that does not work is logged, and cannot start', () => {
    expect(checkWith([], ['IPv4'], view('fd00::5')).fatal).toBe(
      'no IPv6 support for proxy mode iptables, but the primary address of this node is fd00::5',
    );
    expect(checkWith([], ['IPv4', 'IPv6'], view('fd00::5')).fatal).toBeNull();
    expect(checkWith([], ['IPv6'], view('')).fatal).toBeNull();
  });

  it('F98: ranges of the secondary family only are logged; fatal for the pods of the node, where those count', () => {
    const both: ('IPv4' | 'IPv6')[] = ['IPv4', 'IPv6'];
    const node = view('192.0.2.1', ['fd00:1::/64']);
    expect(checkWith(['--cluster-cidr=fd00::/8', '--nodeport-addresses=fd00::/8'], both, node)).toEqual({
      fatal: null,
      warnings: [
        'clusterCIDR fd00::/8 has no IPv4 range, and this node is primarily IPv4',
        'nodePortAddresses fd00::/8 has no IPv4 range, and this node is primarily IPv4',
      ],
    });
    expect(checkWith(['--detect-local-mode=NodeCIDR'], both, node).fatal).toBe(
      'podCIDRs of the Node: fd00:1::/64 has no IPv4 range, and this node is primarily IPv4',
    );
    expect(checkWith(['--nodeport-addresses=primary'], both, node)).toEqual({ fatal: null, warnings: [] });
  });

  it('F96 F98: a misfit is logged once; it is fatal only until the first sync', () => {
    const fatal: string[] = [];
    const logged: string[] = [];
    let started = false;
    let why = 'misfit';
    const check = createNodeCheck({
      check: () => ({ fatal: why === '' ? null : why, warnings: ['lesser'] }),
      hasStarted: () => started,
      logger: { warning: (text: string) => logged.push(text) } as never,
      onFatal: (reason) => fatal.push(reason),
    });
    const node = view('192.0.2.1');
    expect([check(node), check(node)]).toEqual([false, false]);
    started = true;
    why = 'other misfit';
    check(node);
    why = '';
    expect(check(node)).toBe(true);
    expect({ fatal, logged }).toEqual({ fatal: ['misfit'], logged: ['lesser', 'other misfit'] });
  });

  it('F98 F99: lesser misfits are warnings', () => {
    expect(
      check(['--healthz-bind-address=fd00::1', '--nodeport-addresses=primary'], ['IPv4']).warnings,
    ).toEqual([expect.stringContaining('healthzBindAddress [fd00::1]:10256 is not IPv4')]);
    expect(check([], ['IPv4']).warnings).toEqual([expect.stringContaining('nodePortAddresses is empty')]);
    const one = ['--cluster-cidr=10.0.0.0/8,fd00::/8', '--nodeport-addresses=10.0.0.0/8'];
    expect(check(one, ['IPv4', 'IPv6']).warnings).toEqual([expect.stringContaining('one IP family only')]);
  });

  it.each([
    ['--healthz-bind-address=0.0.0.0', 'IPv6'],
    ['--healthz-bind-address=::', 'IPv4'],
  ] as const)('F98: %s is every address of an %s-only node, and no misfit', (flag, family) => {
    const metrics = family === 'IPv6' ? '[::1]:10249' : '127.0.0.1:10249';
    const flags = [flag, `--metrics-bind-address=${metrics}`, '--nodeport-addresses=primary'];
    expect(check(flags, [family])).toEqual({ fatal: null, warnings: [] });
  });

  it.each(['localhost', '::1/128', '127.0.0.0/8,10.0.0.0/8'])(
    'S40: %s in a mode whose rules do not serve loopback addresses is warned of, in one line',
    (addresses) => {
      const argv = [`--nodeport-addresses=primary,${addresses}`];
      const warning =
        'nodePortAddresses: node ports do not answer at loopback addresses (127.0.0.0/8, ::1) in proxy mode nftables';
      const gate = '--feature-gates=KubeProxyNFTablesLocalhostNodePorts=false';
      const modes = [...argv, '--proxy-mode=nftables', gate];
      expect(check(modes, ['IPv4', 'IPv6'])).toEqual({ fatal: null, warnings: [warning] });
      expect(check(argv, ['IPv4', 'IPv6']).warnings).toEqual([]);
    },
  );

  it('S40: loopback addresses that a mode serves outside of its rules are not warned of', () => {
    const settings = settingsOf(['--nodeport-addresses=primary,localhost', '--proxy-mode=nftables']);
    expect(checkFamilies(settings, ['IPv4']).warnings).toEqual([]);
  });

  it('F98: words of both families, and primary, fit every node', () => {
    const both: ('IPv4' | 'IPv6')[] = ['IPv4', 'IPv6'];
    for (const words of ['primary,10.0.0.0/8', 'localhost', 'all', 'localhost,10.0.0.0/8']) {
      const argv = [`--nodeport-addresses=${words}`, '--cluster-cidr=10.0.0.0/8,fd00::/8'];
      expect(check(argv, both)).toEqual({ fatal: null, warnings: [] });
      expect(checkWith(argv, both, view('fd00::5')).warnings).toEqual([]);
    }
  });
});
