import { expect, it } from 'vitest';
import { createNotices, slowCommand } from './tool-notices.ts';

it('reports a table once until it can be listed again, and then again', () => {
  const tables: unknown[] = [];
  const notices = createNotices('IPv6', ({ data }) => tables.push(data['table']));
  notices.incompatible(['nat']);
  notices.incompatible(['nat', 'filter']);
  expect(tables.splice(0)).toEqual(['ip6 nat', 'ip6 filter']);
  notices.incompatible(['filter']);
  expect(tables).toEqual([]);
  notices.incompatible(['nat', 'filter']);
  expect(tables).toEqual(['ip6 nat']);
});

it('names the command and the seconds of a slow one', () => {
  const { data } = slowCommand(['iptables-restore', '-w', '5'], 10_000);
  expect(data).toEqual({ command: 'iptables-restore -w 5', seconds: 10 });
});
