/** The sections of single modes. */
import { atLeastZero, cidrs, MASQUERADE_BIT } from './checks.ts';
import { section } from './field.ts';

const SECOND = 1000;

export const IPTABLES = section(
  { group: 'iptables mode' },
  {
    masqueradeBit: {
      kind: 'int32',
      initial: 14,
      check: MASQUERADE_BIT,
      flag: 'iptables-masquerade-bit',
      help: 'Bit of the packet mark, 0 to 31, that asks for masquerading (ipvs mode too).',
    },
    masqueradeAll: {
      kind: 'bool',
      live: true,
      flag: 'masquerade-all',
      group: 'Proxy mode',
      help: 'Masquerade all traffic to Service cluster IPs.',
    },
    localhostNodePorts: {
      kind: 'bool',
      initial: true,
      flag: 'iptables-localhost-nodeports',
      help: 'Answer on node ports at 127.0.0.1 too.',
    },
    syncPeriod: {
      kind: 'duration',
      initial: 30 * SECOND,
      zeroIsUnset: true,
      live: true,
      flag: 'iptables-sync-period',
      help: 'Interval at which rules are verified and repaired where nothing changes. Must be greater than 0.',
    },
    minSyncPeriod: {
      kind: 'duration',
      initial: SECOND,
      zeroIsUnset: true,
      live: true,
      flag: 'iptables-min-sync-period',
      help: 'Minimum time between the end of a sync and the start of the next. 0: none.',
    },
  },
);

export const IPVS = section(
  { group: 'ipvs mode' },
  {
    syncPeriod: {
      kind: 'duration',
      initial: 30 * SECOND,
      zeroIsUnset: true,
      live: true,
      flag: 'ipvs-sync-period',
      help: 'As --iptables-sync-period.',
    },
    minSyncPeriod: {
      kind: 'duration',
      withoutFile: SECOND,
      live: true,
      flag: 'ipvs-min-sync-period',
      help: 'As --iptables-min-sync-period.',
    },
    scheduler: {
      kind: 'string',
      flag: 'ipvs-scheduler',
      help: 'Scheduler of virtual servers: rr (default), wrr, lc, wlc, sh, dh, mh, ...',
    },
    excludeCIDRs: {
      kind: 'cidrs',
      check: cidrs,
      flag: 'ipvs-exclude-cidrs',
      help: 'CIDRs whose virtual servers are never deleted.',
    },
    strictARP: {
      kind: 'bool',
      flag: 'ipvs-strict-arp',
      help: 'Set arp_ignore to 1 and arp_announce to 2.',
    },
    tcpTimeout: {
      kind: 'duration',
      check: atLeastZero,
      flag: 'ipvs-tcp-timeout',
      help: "Timeout of idle TCP connections. 0: leave the kernel's.",
    },
    tcpFinTimeout: {
      kind: 'duration',
      check: atLeastZero,
      flag: 'ipvs-tcpfin-timeout',
      help: "Timeout of TCP connections after a FIN. 0: leave the kernel's.",
    },
    udpTimeout: {
      kind: 'duration',
      check: atLeastZero,
      flag: 'ipvs-udp-timeout',
      help: "Timeout of UDP flows. 0: leave the kernel's.",
    },
  },
);

/** It has no flags: see the configuration of the mode. */
export const NFTABLES = section(
  {},
  {
    masqueradeBit: { kind: 'int32', initial: 14, check: MASQUERADE_BIT },
    masqueradeAll: { kind: 'bool', live: true },
    syncPeriod: { kind: 'duration', initial: 30 * SECOND, zeroIsUnset: true, live: true },
    minSyncPeriod: { kind: 'duration', initial: SECOND, zeroIsUnset: true, live: true },
  },
);

export const WINKERNEL = section(
  { group: 'kernelspace mode (Windows)' },
  {
    networkName: {
      kind: 'string',
      flag: 'network-name',
      help: 'HNS network to use; else the environment variable KUBE_NETWORK.',
    },
    sourceVip: {
      kind: 'string',
      flag: 'source-vip',
      help: 'Source address for traffic to overlay endpoints.',
    },
    enableDSR: {
      kind: 'bool',
      flag: 'enable-dsr',
      help: 'Direct server return for cluster IPs.',
    },
    rootHnsEndpointName: {
      kind: 'string',
      flag: 'root-hnsendpoint-name',
      help: "HNS endpoint of the node's gateway.",
      flagInitial: 'cbr0',
    },
    forwardHealthCheckVip: {
      kind: 'bool',
      flag: 'forward-healthcheck-vip',
      help: 'Forward health-check traffic that arrives at load-balancer addresses.',
    },
  },
);
