/**
 * `KubeProxyConfiguration` of `kubeproxy.config.k8s.io/v1alpha1`, decoded: every field present, durations in
 * milliseconds. Field names are the file's. Defaults and kinds are in fields.ts, meanings in the flags' help.
 */
interface SyncPeriods {
  syncPeriod: number;
  minSyncPeriod: number;
}

interface IptablesSection extends SyncPeriods {
  masqueradeBit: number;
  masqueradeAll: boolean;
  localhostNodePorts: boolean;
}

interface IpvsSection extends SyncPeriods {
  scheduler: string;
  excludeCIDRs: string[];
  strictARP: boolean;
  tcpTimeout: number;
  tcpFinTimeout: number;
  udpTimeout: number;
}

interface NftablesSection extends SyncPeriods {
  masqueradeBit: number;
  masqueradeAll: boolean;
}

interface WinkernelSection {
  networkName: string;
  sourceVip: string;
  enableDSR: boolean;
  rootHnsEndpointName: string;
  forwardHealthCheckVip: boolean;
}

export interface ConntrackSection {
  maxPerCore: number;
  min: number;
  tcpEstablishedTimeout: number;
  tcpCloseWaitTimeout: number;
  tcpBeLiberal: boolean;
  udpTimeout: number;
  udpStreamTimeout: number;
}

interface LogStream {
  splitStream: boolean;
  /** A resource quantity: bytes, or `64Ki`. */
  infoBufferSize: string;
}

export interface VmoduleItem {
  filePattern: string;
  verbosity: number;
}

export interface LoggingSection {
  format: string;
  flushFrequency: number;
  verbosity: number;
  vmodule: VmoduleItem[];
  options: { text: LogStream; json: LogStream };
}

export interface KubeProxyConfiguration {
  featureGates: Record<string, boolean>;
  clientConnection: {
    kubeconfig: string;
    acceptContentTypes: string;
    contentType: string;
    qps: number;
    burst: number;
  };
  logging: LoggingSection;
  hostnameOverride: string;
  bindAddress: string;
  healthzBindAddress: string;
  metricsBindAddress: string;
  bindAddressHardFail: boolean;
  enableProfiling: boolean;
  showHiddenMetricsForVersion: string;
  mode: string;
  iptables: IptablesSection;
  ipvs: IpvsSection;
  nftables: NftablesSection;
  winkernel: WinkernelSection;
  detectLocalMode: string;
  detectLocal: { bridgeInterface: string; interfaceNamePrefix: string };
  clusterCIDR: string;
  nodePortAddresses: string[];
  oomScoreAdj: number;
  conntrack: ConntrackSection;
  configSyncPeriod: number;
  portRange: string;
  windowsRunAsService: boolean;
}

export type Platform = 'linux' | 'windows';
