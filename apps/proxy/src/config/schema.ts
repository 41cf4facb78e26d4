/**
 * `KubeProxyConfiguration` of `kubeproxy.config.k8s.io/v1alpha1`: every field, in the order in which the API type
 * declares them. What the program knows of a field follows from here: its type, default and check, how a file and /configz
 * write it, its flag and its help.
 */
import {
  address,
  detectLocalMode,
  gates,
  hiddenMetricsVersion,
  nodePortAddresses,
  positive,
  serverAddress,
  within,
} from './checks.ts';
import { section } from './field.ts';
import { SERVER_PORTS } from './ip.ts';
import { IPTABLES, IPVS, NFTABLES, WINKERNEL } from './schema-modes.ts';
import { CLIENT_CONNECTION, CONNTRACK, LOGGING } from './schema-sections.ts';

const QUARTER_OF_AN_HOUR = 900_000;

export const SCHEMA = section(
  {},
  {
    featureGates: {
      kind: 'bool-map',
      omitEmpty: true,
      check: gates,
      flag: 'feature-gates',
      group: 'General',
      help: 'Feature gates of kube-proxy, as name=true|false, comma separated.',
    },
    clientConnection: CLIENT_CONNECTION,
    logging: LOGGING,
    hostnameOverride: {
      kind: 'string',
      flag: 'hostname-override',
      group: 'Node',
      help: 'Name of this node, instead of the host name.',
      winsOverFile: true,
    },
    bindAddress: {
      kind: 'ip',
      initial: '0.0.0.0',
      zeroIsUnset: true,
      check: address,
      flag: 'bind-address',
      group: 'Node',
      help: 'Overrides the primary IP of this node (nothing listens on it); decides the primary IP family.',
    },
    healthzBindAddress: {
      kind: 'address',
      withoutFile: `0.0.0.0:${SERVER_PORTS.healthz}`,
      check: serverAddress,
      flag: 'healthz-bind-address',
      group: 'Health and metrics',
      help: 'Address, with or without port, of /healthz, /livez and /readyz; none: no such server (not in kube-proxy).',
    },
    metricsBindAddress: {
      kind: 'address',
      withoutFile: `127.0.0.1:${SERVER_PORTS.metrics}`,
      check: serverAddress,
      flag: 'metrics-bind-address',
      group: 'Health and metrics',
      help: 'Address, with or without port, of /metrics, /proxyMode and /configz; none: no such server (not in kube-proxy).',
    },
    bindAddressHardFail: {
      kind: 'bool',
      flag: 'bind-address-hard-fail',
      group: 'Health and metrics',
      help: 'Exit when one of these addresses cannot be bound, instead of trying again.',
    },
    enableProfiling: {
      kind: 'bool',
      flag: 'profiling',
      group: 'Health and metrics',
      help: 'Serve CPU and heap profiles and /debug/flags/v on the metrics address.',
    },
    showHiddenMetricsForVersion: {
      kind: 'string',
      check: hiddenMetricsVersion,
      flag: 'show-hidden-metrics-for-version',
      group: 'Health and metrics',
      help: 'The previous minor version, to show metrics hidden since.',
    },
    /** Its check needs the list of modes: see validate.ts. */
    mode: {
      kind: 'string',
      flag: 'proxy-mode',
      group: 'Proxy mode',
      help: 'How traffic is steered. {modes}',
    },
    iptables: IPTABLES,
    ipvs: IPVS,
    nftables: NFTABLES,
    winkernel: WINKERNEL,
    detectLocalMode: {
      kind: 'string',
      live: true,
      check: detectLocalMode,
      flag: 'detect-local-mode',
      group: 'Traffic detection',
      help: "How traffic of this node's pods is recognised: ClusterCIDR (default), NodeCIDR, BridgeInterface, InterfaceNamePrefix.",
    },
    detectLocal: section(
      { group: 'Traffic detection', live: true },
      {
        bridgeInterface: {
          kind: 'string',
          flag: 'pod-bridge-interface',
          help: 'Bridge that the pods of this node are on (BridgeInterface).',
        },
        interfaceNamePrefix: {
          kind: 'string',
          flag: 'pod-interface-name-prefix',
          help: "Prefix of the pods' interface names (InterfaceNamePrefix).",
        },
      },
    ),
    clusterCIDR: {
      kind: 'cidr-pair',
      live: true,
      flag: 'cluster-cidr',
      group: 'Traffic detection',
      help: 'Pod CIDR of the cluster, or one of each IP family, comma separated.',
    },
    nodePortAddresses: {
      kind: 'cidrs',
      live: true,
      check: nodePortAddresses,
      flag: 'nodeport-addresses',
      group: 'Proxy mode',
      help: 'CIDRs of the node addresses that answer on node ports, and the words "primary", "localhost" and "all". Empty: all of them.',
    },
    oomScoreAdj: {
      kind: 'int32',
      initial: -999,
      check: within(-1000, 1000),
      flag: 'oom-score-adj',
      group: 'Node',
      help: 'oom_score_adj of this process, -1000 to 1000.',
    },
    conntrack: CONNTRACK,
    configSyncPeriod: {
      kind: 'duration',
      initial: QUARTER_OF_AN_HOUR,
      zeroIsUnset: true,
      live: true,
      check: positive,
      flag: 'config-sync-period',
      group: 'Kubernetes API',
      help: 'Accepted for compatibility: nothing is read again; rules are compared with the kernel every sync period. Must be greater than 0.',
    },
    portRange: { kind: 'string', live: true },
    windowsRunAsService: {
      kind: 'bool',
      omitEmpty: true,
      flag: 'windows-service',
      group: 'kernelspace mode (Windows)',
      help: 'Run as the Windows service "kube-proxy".',
    },
  },
);
