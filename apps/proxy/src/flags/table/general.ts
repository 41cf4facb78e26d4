import { flagGroup } from '../flag.ts';

export const GENERAL = flagGroup('General', [
  [
    'config',
    'string',
    '',
    'Configuration file (KubeProxyConfiguration v1alpha1, YAML or JSON). Most other flags are then ignored.',
  ],
  ['write-config-to', 'string', '', 'Write the configuration in effect to this file and exit.'],
  ['cleanup', 'bool', 'false', 'Remove the rules of every proxy mode from this node and exit.'],
  ['init-only', 'bool', 'false', 'Do the start-up work that needs full privileges (sysctls), and exit.'],
  [
    'manifests',
    'string',
    '',
    'Read Services, EndpointSlices and Nodes from the YAML files in this folder, watched, instead of an API server. Not in kube-proxy.',
  ],
  [
    'strict',
    'bool',
    'false',
    'With --manifests: exit with status 1 if a file there has a problem at start, after listing all of them. Not in kube-proxy.',
  ],
  [
    'feature-gates',
    'bool-map',
    '',
    'Feature gates of kube-proxy, as name=true|false, comma separated.',
    { field: 'featureGates' },
  ],
  [
    'version',
    'tri-state',
    'false',
    'Print the version of Kubernetes whose behaviour this is, and exit; --version=raw: all fields, with the version of Signalbox. --version=vX.Y.Z changes the version that is reported.',
  ],
  ['help', 'bool', 'false', 'Show this text.'],
]);

export const API = flagGroup('Kubernetes API', [
  [
    'kubeconfig',
    'string',
    '',
    'Kubeconfig file with the location and credentials of the API server. Empty (and no --master): in-cluster.',
    { field: 'clientConnection.kubeconfig' },
  ],
  [
    'master',
    'string',
    '',
    'URL of the API server; overrides the kubeconfig. Several, comma separated: the next one is asked when one does not answer.',
  ],
  [
    'kube-api-content-type',
    'string',
    'application/vnd.kubernetes.protobuf',
    'Content type in which objects are asked for: application/vnd.kubernetes.protobuf, or application/json. Answers in JSON are understood in any case.',
    { field: 'clientConnection.contentType' },
  ],
  [
    'kube-api-burst',
    'int32',
    '10',
    'Requests to the API server allowed in a burst.',
    { field: 'clientConnection.burst' },
  ],
  ['kube-api-qps', 'float32', '5', 'Requests a second to the API server.', { field: 'clientConnection.qps' }],
  [
    'config-sync-period',
    'duration',
    '15m0s',
    'Accepted for compatibility: nothing is read again; rules are compared with the kernel every sync period. Must be greater than 0.',
    { field: 'configSyncPeriod' },
  ],
]);

export const NODE = flagGroup('Node', [
  [
    'hostname-override',
    'string',
    '',
    'Name of this node, instead of the host name.',
    { field: 'hostnameOverride', winsOverFile: true },
  ],
  [
    'bind-address',
    'ip',
    '0.0.0.0',
    'Overrides the primary IP of this node (nothing listens on it); decides the primary IP family.',
    { field: 'bindAddress' },
  ],
  [
    'oom-score-adj',
    'int32',
    '-999',
    'oom_score_adj of this process, -1000 to 1000.',
    { field: 'oomScoreAdj' },
  ],
  [
    'machine-id-file',
    'string',
    '/etc/machine-id,/var/lib/dbus/machine-id',
    'Accepted for compatibility and ignored.',
  ],
  ['boot-id-file', 'string', '/proc/sys/kernel/random/boot_id', 'Accepted for compatibility and ignored.'],
]);
