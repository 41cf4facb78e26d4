import type { Clock, Family } from '@signalbox/core';
import type { IptablesDriver, ToolFacts } from '@signalbox/iptables';
import type { RuleOptions } from './compile/context.ts';

/** The options of `createIptablesBackend`; one backend serves one family. */
export interface IptablesOptions {
  /** The IP family whose rules the backend writes: one backend for each. */
  readonly family: Family;
  /** Default: runs the node's iptables (`createExecDriver`). */
  readonly driver?: IptablesDriver;
  /** 0-31; default 14: mark 0x4000. */
  readonly masqueradeBit?: number;
  /** Default `auto`: enabled if the version of the tool supports it. */
  readonly randomFully?: boolean | 'auto';
  /** `nf_conntrack_tcp_be_liberal` is set: packets in state INVALID are not dropped. Default false. */
  readonly conntrackLiberal?: boolean;
  /** Count in the nfacct objects named in `ACCOUNTING_OBJECTS`, which the caller must have created. Default false. */
  readonly accounting?: boolean;
  /** Milliseconds between checks for changes by other processes in `watch`; a function is called before each. Default 30,000. */
  readonly checkInterval?: number | (() => number);
  /** Default: the clock of the process. */
  readonly clock?: Pick<Clock, 'elapsed' | 'schedule'>;
}

/** An option that a configuration can set. */
export interface OptionDescription {
  readonly name: keyof IptablesOptions;
  /** As text. */
  readonly default: string;
  /** One line for help texts. */
  readonly meaning: string;
}

/** The options that a configuration can set, for help texts and documentation. */
export function describeIptablesOptions(): readonly OptionDescription[] {
  return [
    {
      name: 'masqueradeBit',
      default: '14',
      meaning: 'bit of the packet mark that asks for masquerading, 0-31',
    },
    {
      name: 'randomFully',
      default: 'auto',
      meaning: 'masquerade from random source ports (iptables 1.6.2 and later)',
    },
    {
      name: 'conntrackLiberal',
      default: 'false',
      meaning: 'do not drop forwarded packets in conntrack state INVALID',
    },
    {
      name: 'accounting',
      default: 'false',
      meaning: 'count dropped and localhost packets in nfacct objects',
    },
    {
      name: 'checkInterval',
      default: '30000',
      meaning: 'milliseconds between checks for rules that another process removed',
    },
  ];
}

/** Applies the defaults, and the features that the tool supports. */
export function ruleOptions(options: IptablesOptions, tool: ToolFacts): RuleOptions {
  const { masqueradeBit = 14, randomFully = 'auto', conntrackLiberal = false, accounting = false } = options;
  return {
    endpointChains: tool.variant === 'legacy' ? 'where-needed' : 'always',
    masqueradeMark: (1 << masqueradeBit) >>> 0,
    randomFully: randomFully === 'auto' ? tool.randomFully : randomFully,
    conntrackLiberal,
    accounting,
  };
}
