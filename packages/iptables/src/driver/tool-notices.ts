/** Conditions of the tools that the operator should know although no call fails. The app logs them. */
import type { Family } from '@signalbox/core';
import type { TableName } from '../objects/rule.ts';
import { nftTable } from './nft-family.ts';

/** A message for the log, with its keys and values. */
export interface ToolNotice {
  readonly message: string;
  readonly data: Readonly<Record<string, string | number>>;
}

/** Receives each notice when its condition is detected. */
export type OnToolNotice = (notice: ToolNotice) => void;

export function slowCommand(command: readonly string[], milliseconds: number): ToolNotice {
  return {
    message: 'Command still running',
    data: { command: command.join(' '), seconds: milliseconds / 1000 },
  };
}

export interface Notices {
  /** Tables that had to be listed chain by chain. Each is reported once until it can be listed again. */
  incompatible(tables: readonly TableName[]): void;
}

export function createNotices(family: Family, onNotice: OnToolNotice = () => undefined): Notices {
  let reported: readonly TableName[] = [];
  return {
    incompatible(tables) {
      for (const table of tables) {
        if (!reported.includes(table)) onNotice(incompatibleTable(family, table));
      }
      reported = tables;
    },
  };
}

function incompatibleTable(family: Family, table: TableName): ToolNotice {
  return {
    message: 'Table contains nftables rules that iptables cannot list; rules of Services are kept up to date',
    data: {
      table: `${nftTable(family, table).family} ${table}`,
      family,
      remedy: 'put rules that are made with nft into a table of another name',
    },
  };
}
