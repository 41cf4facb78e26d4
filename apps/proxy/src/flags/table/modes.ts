import { MODES } from '../../modes/index.ts';
import { describeModes } from '../../modes/choose-mode.ts';
import { flagGroup } from '../flag.ts';

export const MODE = flagGroup('Proxy mode', [
  ['proxy-mode', 'string', '', `How traffic is steered. ${describeModes(MODES)}`, { field: 'mode' }],
  [
    'masquerade-all',
    'bool',
    'false',
    'Masquerade all traffic to Service cluster IPs.',
    { field: 'iptables.masqueradeAll' },
  ],
  [
    'nodeport-addresses',
    'strings',
    '',
    'CIDRs of the node addresses that answer on node ports, and the words "primary", "localhost" and "all". Empty: all of them.',
    { field: 'nodePortAddresses' },
  ],
]);

export const IPTABLES = flagGroup('iptables mode', [
  [
    'iptables-masquerade-bit',
    'int32',
    '14',
    'Bit of the packet mark, 0 to 31, that asks for masquerading (ipvs mode too).',
    { field: 'iptables.masqueradeBit' },
  ],
  [
    'iptables-localhost-nodeports',
    'bool',
    'true',
    'Answer on node ports at 127.0.0.1 too.',
    { field: 'iptables.localhostNodePorts' },
  ],
  [
    'iptables-sync-period',
    'duration',
    '30s',
    'Interval at which rules are verified and repaired where nothing changes. Must be greater than 0.',
    { field: 'iptables.syncPeriod' },
  ],
  [
    'iptables-min-sync-period',
    'duration',
    '1s',
    'Minimum time between the end of a sync and the start of the next. 0: none.',
    { field: 'iptables.minSyncPeriod' },
  ],
]);

export const IPVS = flagGroup('ipvs mode', [
  [
    'ipvs-scheduler',
    'string',
    '',
    'Scheduler of virtual servers: rr (default), wrr, lc, wlc, sh, dh, mh, ...',
    { field: 'ipvs.scheduler' },
  ],
  ['ipvs-sync-period', 'duration', '30s', 'As --iptables-sync-period.', { field: 'ipvs.syncPeriod' }],
  [
    'ipvs-min-sync-period',
    'duration',
    '1s',
    'As --iptables-min-sync-period.',
    { field: 'ipvs.minSyncPeriod' },
  ],
  [
    'ipvs-exclude-cidrs',
    'strings',
    '',
    'CIDRs whose virtual servers are never deleted.',
    { field: 'ipvs.excludeCIDRs' },
  ],
  [
    'ipvs-strict-arp',
    'bool',
    'false',
    'Set arp_ignore to 1 and arp_announce to 2.',
    { field: 'ipvs.strictARP' },
  ],
  [
    'ipvs-tcp-timeout',
    'duration',
    '0s',
    "Timeout of idle TCP connections. 0: leave the kernel's.",
    { field: 'ipvs.tcpTimeout' },
  ],
  [
    'ipvs-tcpfin-timeout',
    'duration',
    '0s',
    "Timeout of TCP connections after a FIN. 0: leave the kernel's.",
    { field: 'ipvs.tcpFinTimeout' },
  ],
  [
    'ipvs-udp-timeout',
    'duration',
    '0s',
    "Timeout of UDP flows. 0: leave the kernel's.",
    { field: 'ipvs.udpTimeout' },
  ],
  [
    'ipvs-local-policy-fallback',
    'string',
    'drop',
    "Policy Local without a local endpoint: drop, as other modes do, or use the cluster's endpoints, as kube-proxy's ipvs mode does.",
    { choices: ['drop', 'cluster'] },
  ],
]);

export const KERNELSPACE = flagGroup('kernelspace mode (Windows)', [
  [
    'windows-service',
    'bool',
    'false',
    'Run as the Windows service "kube-proxy".',
    { field: 'windowsRunAsService' },
  ],
  [
    'source-vip',
    'string',
    '',
    'Source address for traffic to overlay endpoints.',
    { field: 'winkernel.sourceVip' },
  ],
  [
    'network-name',
    'string',
    '',
    'HNS network to use; else the environment variable KUBE_NETWORK.',
    { field: 'winkernel.networkName' },
  ],
  ['enable-dsr', 'bool', 'false', 'Direct server return for cluster IPs.', { field: 'winkernel.enableDSR' }],
  [
    'root-hnsendpoint-name',
    'string',
    'cbr0',
    "HNS endpoint of the node's gateway.",
    { field: 'winkernel.rootHnsEndpointName' },
  ],
  [
    'forward-healthcheck-vip',
    'bool',
    'false',
    'Forward health-check traffic that arrives at load-balancer addresses.',
    { field: 'winkernel.forwardHealthCheckVip' },
  ],
]);

export const DETECTION = flagGroup('Traffic detection', [
  [
    'detect-local-mode',
    'string',
    '',
    "How traffic of this node's pods is recognised: ClusterCIDR (default), NodeCIDR, BridgeInterface, InterfaceNamePrefix.",
    { field: 'detectLocalMode' },
  ],
  [
    'cluster-cidr',
    'string',
    '',
    'Pod CIDR of the cluster, or one of each IP family, comma separated.',
    { field: 'clusterCIDR' },
  ],
  [
    'pod-bridge-interface',
    'string',
    '',
    'Bridge that the pods of this node are on (BridgeInterface).',
    { field: 'detectLocal.bridgeInterface' },
  ],
  [
    'pod-interface-name-prefix',
    'string',
    '',
    "Prefix of the pods' interface names (InterfaceNamePrefix).",
    { field: 'detectLocal.interfaceNamePrefix' },
  ],
]);

export const CONNTRACK = flagGroup('Connection tracking', [
  [
    'conntrack-max-per-core',
    'int32',
    '32768',
    'Connections to track for each CPU core. 0: leave the limit as it is.',
    { field: 'conntrack.maxPerCore' },
  ],
  [
    'conntrack-min',
    'int32',
    '131072',
    'At least so many connections, however few the cores.',
    { field: 'conntrack.min' },
  ],
  [
    'conntrack-tcp-timeout-established',
    'duration',
    '24h0m0s',
    'Idle timeout of established TCP connections. 0: leave it.',
    { field: 'conntrack.tcpEstablishedTimeout' },
  ],
  [
    'conntrack-tcp-timeout-close-wait',
    'duration',
    '1h0m0s',
    'Timeout of TCP connections in CLOSE_WAIT. 0: leave it.',
    { field: 'conntrack.tcpCloseWaitTimeout' },
  ],
  [
    'conntrack-tcp-be-liberal',
    'bool',
    'false',
    'Do not mark TCP packets outside of the window as invalid.',
    { field: 'conntrack.tcpBeLiberal' },
  ],
  [
    'conntrack-udp-timeout',
    'duration',
    '0s',
    'Timeout of UDP flows without an answer. 0: leave it.',
    { field: 'conntrack.udpTimeout' },
  ],
  [
    'conntrack-udp-timeout-stream',
    'duration',
    '0s',
    'Timeout of UDP flows with an answer. 0: leave it.',
    { field: 'conntrack.udpStreamTimeout' },
  ],
]);
