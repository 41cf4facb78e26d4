/** The contract on a kernel with IPVS, dummy links and ipset, all of its own: `tools/uml-run`. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { contractCases, type ContractKernel } from '@signalbox/backend-kit/testing';
import { createExecDriver } from '@signalbox/iptables';
import { FAMILIES, type Family } from '@signalbox/core';
import { describe, it } from 'vitest';
import { createNetlinkDriver } from '../driver/netlink-driver.ts';
import type { IpvsDriver } from '../driver/ipvs-driver.ts';
import { formatSets } from '../format/ipset.ts';
import { formatServers } from '../format/ipvsadm.ts';
import { createIpvsBackend } from '../ipvs-backend.ts';

const execute = promisify(execFile);

async function run(...[file = '', ...args]: readonly string[]): Promise<string> {
  return (await execute(file, args)).stdout;
}

function newDriver(family: Family): IpvsDriver {
  return createNetlinkDriver({ family, iptables: createExecDriver({ family, variant: 'legacy' }) });
}

/** Own chains and rules; counters and the date are not part of the rules. */
async function ownRules(tool: string): Promise<string> {
  const saved = await run(`${tool}-save`);
  return saved
    .split('\n')
    .filter((line) => /^(\*|:KUBE|-A )/.test(line) && line.includes('KUBE'))
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ''))
    .join('\n');
}

async function createKernel(family: Family): Promise<ContractKernel> {
  const driver = newDriver(family);
  const v4 = family === 'IPv4';
  const tool = v4 ? 'iptables-legacy' : 'ip6tables-legacy';
  const other = v4 ? '203.0.113.250:8443' : '[2001:db8:113::fa]:8443';
  // Without a journal a virtual server of a node port is known by the address of the host.
  const hostAddress = v4 ? '192.0.2.10/32' : '2001:db8::10/128';
  await run('ip', 'address', 'replace', hostAddress, 'dev', 'lo');
  const damaged = v4 ? '10.96.0.1:80' : '[fd00:10:96::2]:80';
  return {
    createBackend: () => createIpvsBackend({ family, driver: newDriver(family), reconcileInterval: 0 }),
    snapshot: async () => {
      const seen = await driver.observe();
      if (!seen.ok) throw new Error(seen.error.message);
      const { device, boundAddresses, servers, sets } = seen.value;
      const own = [...sets.values()].filter(({ set }) => set.name.startsWith('KUBE-'));
      const ofService = [...servers.values()].filter(({ server }) => server.port !== 8443);
      return [
        `${device}: ${[...boundAddresses].toSorted((one, two) => (one < two ? -1 : 1)).join(' ')}`,
        ...formatServers(ofService)
          .split('\n')
          .toSorted((one, two) => (one < two ? -1 : 1)),
        formatSets(own.toSorted((one, two) => (one.set.name < two.set.name ? -1 : 1))),
        await ownRules(tool),
      ].join('\n');
    },
    damage: async () => void (await run('ipvsadm', '-D', '-t', damaged)),
    addOthers: async () => {
      await run('ipvsadm', '-A', '-t', other, '-s', 'rr');
      await run(tool, '-N', 'OTHERS');
      await run(tool, '-A', 'OTHERS', '-j', 'RETURN');
    },
    hasOthers: async () => {
      const servers = await run('ipvsadm', '-Sn');
      const rules = await run(tool, '-S', 'OTHERS');
      return servers.includes(`-A -t ${other}`) && rules.includes('-A OTHERS -j RETURN');
    },
    close: async () => {
      await run('ipvsadm', '-C');
      await createIpvsBackend({ family, driver }).cleanup();
      await run(tool, '-F');
      await run(tool, '-X', 'OTHERS').catch(() => '');
      await run('ip', 'address', 'delete', hostAddress, 'dev', 'lo');
      await driver.close();
    },
  };
}

describe.each(FAMILIES)('the ipvs backend on the kernel, %s', (family) => {
  for (const { title, run: play } of contractCases({ family, createKernel: () => createKernel(family) })) {
    it(title, play);
  }
});
