import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createExecDriver } from '@signalbox/iptables';
import { expect, it } from 'vitest';
import { createNetlinkDriver } from '../driver/netlink-driver.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';
import { full, service } from './cluster.ts';

const execute = promisify(execFile);

it('S64: a cluster IP answers pings, as an address of the node', async () => {
  const iptables = createExecDriver({ family: 'IPv4', variant: 'legacy' });
  const driver = createNetlinkDriver({ family: 'IPv4', iptables });
  const backend = createIpvsBackend({ family: 'IPv4', driver });
  const result = await backend.sync(full(service({ clusterIP: '10.96.0.10' })));
  expect(result.outcome, JSON.stringify(result)).toBe('ok');
  const { stdout } = await execute('ping', ['-c', '1', '-W', '60', '10.96.0.10']);
  expect(stdout).toContain('1 received');
  await backend.cleanup();
  await backend.close();
});
