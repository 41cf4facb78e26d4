import { describe, expect, it } from 'vitest';
import { parseFlags } from './parse.ts';

function given(...argv: string[]): Record<string, unknown> {
  const result = parseFlags(argv);
  if (!result.ok) throw new Error(result.error);
  return Object.fromEntries(result.value.flags.given);
}

function error(...argv: string[]): string {
  const result = parseFlags(argv);
  return result.ok ? 'no error' : result.error;
}

describe('flags are read as pflag reads them', () => {
  it.each([
    ['--x=value', ['--proxy-mode=ipvs'], { 'proxy-mode': 'ipvs' }],
    ['--x value', ['--proxy-mode', 'ipvs'], { 'proxy-mode': 'ipvs' }],
    ['an empty value', ['--proxy-mode='], { 'proxy-mode': '' }],
    ['a value that looks like a flag', ['--master', '--x'], { master: '--x' }],
    ['a bare boolean (F17)', ['--profiling'], { profiling: true }],
    [
      '--bool=false (F22)',
      ['--iptables-localhost-nodeports=false'],
      { 'iptables-localhost-nodeports': false },
    ],
    ['booleans as Go writes them', ['--cleanup=T', '--profiling=0'], { cleanup: true, profiling: false }],
    ['underscores for hyphens', ['--proxy_mode=ipvs'], { 'proxy-mode': 'ipvs' }],
    ['-v=4 (F51)', ['-v=4'], { v: 4 }],
    ['-v 4 (F51)', ['-v', '4'], { v: 4 }],
    ['-v4 (F51)', ['-v4'], { v: 4 }],
    ['--v=4 (F51)', ['--v=4'], { v: 4 }],
    ['-h (F56)', ['-h'], { help: true }],
    ['the last of a repeated flag', ['--master=a', '--master=b'], { master: 'b' }],
    [
      'lists that add up (F37)',
      ['--nodeport-addresses=10.0.0.0/8,fd00::/8', '--nodeport-addresses=192.0.2.0/24'],
      { 'nodeport-addresses': ['10.0.0.0/8', 'fd00::/8', '192.0.2.0/24'] },
    ],
    [
      'quoted items of a list (F28)',
      ['--ipvs-exclude-cidrs="10.0.0.0/8,a",fd00::/8', '--ipvs-exclude-cidrs="say ""b"" c"'],
      { 'ipvs-exclude-cidrs': ['10.0.0.0/8,a', 'fd00::/8', 'say "b" c'] },
    ],
    ['empty items of a list (F28)', ['--ipvs-exclude-cidrs=a,'], { 'ipvs-exclude-cidrs': ['a', ''] }],
    [
      'an empty list, then another (F37)',
      ['--nodeport-addresses=', '--nodeport-addresses=primary'],
      { 'nodeport-addresses': ['primary'] },
    ],
    [
      'a gate that is named like a member of objects (F6)',
      ['--feature-gates=__proto__=true'],
      { 'feature-gates': Object.fromEntries([['__proto__', true]]) },
    ],
    ['digits in groups (F38)', ['--oom-score-adj=1_0'], { 'oom-score-adj': 10 }],
    [
      'patterns of --vmodule that add up (F52)',
      ['--vmodule=a=1', '--vmodule=b=2'],
      {
        vmodule: [
          { filePattern: 'a', verbosity: 1 },
          { filePattern: 'b', verbosity: 2 },
        ],
      },
    ],
    [
      'maps that add up (F6)',
      ['--feature-gates=AllAlpha=true,AllBeta=false', '--feature-gates=WinDSR=true'],
      { 'feature-gates': { AllAlpha: true, AllBeta: false, WinDSR: true } },
    ],
    ['Go durations (F23)', ['--iptables-sync-period=1m30s'], { 'iptables-sync-period': 90_000 }],
    [
      '--vmodule (F52)',
      ['--vmodule=sync=4,con*=2'],
      {
        vmodule: [
          { filePattern: 'sync', verbosity: 4 },
          { filePattern: 'con*', verbosity: 2 },
        ],
      },
    ],
    ['--version=raw (F5)', ['--version=raw'], { version: 'raw' }],
    ['bare --version (F5)', ['--version'], { version: 'true' }],
    ['floats (F11)', ['--kube-api-qps=7.5'], { 'kube-api-qps': 7.5 }],
    ['integers as Go reads them (F38)', ['--oom-score-adj=-0x1f'], { 'oom-score-adj': -31 }],
    ['octal ones (F38)', ['--oom-score-adj=010'], { 'oom-score-adj': 8 }],
    ['-- with nothing after it', ['--profiling', '--'], { profiling: true }],
    ['an address without port (F14)', ['--healthz-bind-address=::1'], { 'healthz-bind-address': '::1' }],
    ['brackets without port (F14)', ['--healthz-bind-address=[::1]'], { 'healthz-bind-address': '[::1]' }],
    ['an empty address (F14)', ['--healthz-bind-address='], { 'healthz-bind-address': '' }],
  ])('%s', (_, argv, expected) => {
    expect(given(...argv)).toEqual(expected);
  });

  it.each([
    [['serve'], 'signalbox does not take any arguments, got "serve"'],
    [['--', 'x'], 'signalbox does not take any arguments, got "x"'],
    [['--proxymode=ipvs'], 'unknown flag: --proxymode (did you mean --proxy-mode?)'],
    [['--no-such-thing-at-all'], 'unknown flag: --no-such-thing-at-all'],
    [['-x'], "unknown shorthand flag: 'x' in -x"],
    [['--config'], 'flag needs an argument: --config'],
    [['-v'], 'flag needs an argument: -v'],
    [['--v=high'], 'invalid argument "high" for "--v" flag: must be an integer'],
    [['--v=-1'], 'invalid argument "-1" for "--v" flag: must be within the range [0, 4294967295]'],
    [['--profiling=maybe'], 'invalid argument "maybe" for "--profiling" flag: must be true or false'],
    [
      ['--iptables-sync-period=30'],
      'invalid argument "30" for "--iptables-sync-period" flag: must be a duration such as 30s or 1h30m',
    ],
    [['--oom-score-adj=0x_'], 'invalid argument "0x_" for "--oom-score-adj" flag: must be an integer'],
    [['--oom-score-adj=09'], 'invalid argument "09" for "--oom-score-adj" flag: must be an integer'],
    [['--kube-api-qps=1e39'], 'invalid argument "1e39" for "--kube-api-qps" flag: must fit into 32 bits'],
    [
      ['--config-sync-period=9999999999h'],
      'invalid argument "9999999999h" for "--config-sync-period" flag: must be a duration such as 30s or 1h30m',
    ],
    [['--kube-api-qps=fast'], 'invalid argument "fast" for "--kube-api-qps" flag: must be a number'],
    [['--bind-address=10.0.0'], 'invalid argument "10.0.0" for "--bind-address" flag: must be an IP address'],
    [
      ['--healthz-bind-address=10.0.0.1:0'],
      'invalid argument "10.0.0.1:0" for "--healthz-bind-address" flag: must be IP, IP:port or none',
    ],
    [
      ['--metrics-bind-address=localhost:10249'],
      'invalid argument "localhost:10249" for "--metrics-bind-address" flag: must be IP, IP:port or none',
    ],
    [
      ['--feature-gates=WinDSR'],
      'invalid argument "WinDSR" for "--feature-gates" flag: WinDSR: must be name=true or name=false',
    ],
    [
      ['--feature-gates=WinDSR=true=x'],
      'invalid argument "WinDSR=true=x" for "--feature-gates" flag: WinDSR=true=x: must be name=true or name=false',
    ],
    [
      ['--nodeport-addresses="10.0.0.0/8'],
      'invalid argument "\\"10.0.0.0/8" for "--nodeport-addresses" flag: a quote must enclose a whole item, as in "a,b",c',
    ],
    [
      ['--nodeport-addresses=a"b'],
      'invalid argument "a\\"b" for "--nodeport-addresses" flag: a quote must enclose a whole item, as in "a,b",c',
    ],
    [['--oom-score-adj=1_'], 'invalid argument "1_" for "--oom-score-adj" flag: must be an integer'],
    [['--oom-score-adj=1__0'], 'invalid argument "1__0" for "--oom-score-adj" flag: must be an integer'],
    [['--vmodule=sync'], 'invalid argument "sync" for "--vmodule" flag: sync: must be pattern=N'],
    [
      ['--oom-score-adj=3000000000'],
      'invalid argument "3000000000" for "--oom-score-adj" flag: must be within the range [-2147483648, 2147483647]',
    ],
    [
      ['--ipvs-local-policy-fallback=none'],
      'invalid argument "none" for "--ipvs-local-policy-fallback" flag: must be drop or cluster',
    ],
    [
      ['--log-json-info-buffer-size=big'],
      'invalid argument "big" for "--log-json-info-buffer-size" flag: must be a quantity such as 64Ki',
    ],
  ])('F63: %j is refused in one line', (argv, expected) => {
    expect(error(...argv)).toBe(expected);
  });
});
