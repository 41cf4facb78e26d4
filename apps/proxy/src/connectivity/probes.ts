/** Which connections `signalbox test` opens. Pure. */
import {
  servicePortLabel,
  type DesiredServicePort,
  type DesiredState,
  type Family,
  type Protocol,
} from '@signalbox/core';

export type CallerName = 'node' | 'pod';

export interface Probe {
  readonly caller: CallerName;
  readonly family: Family;
  readonly servicePort: string;
  /** `shop/web:http` */
  readonly service: string;
  readonly kind: 'ClusterIP' | 'NodePort';
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
}

export interface ProbeOptions {
  /** In the order of the output. */
  readonly callers: readonly CallerName[];
  /** Where node ports are connected to; `null`: this node serves none in this family. */
  readonly nodePortAddress: string | null;
  /** `namespace/name` of the only Service to test; `null`: all. */
  readonly only: string | null;
}

/** To every cluster IP and node port of one family. */
export function probesOf(state: DesiredState, options: ProbeOptions): readonly Probe[] {
  const { callers, only } = options;
  return [...state.servicePorts.values()]
    .filter(({ name }) => only === null || only === `${name.namespace}/${name.name}`)
    .flatMap((servicePort) =>
      targetsOf(servicePort, options).flatMap((target) =>
        callers.map((caller) => ({
          caller,
          family: state.family,
          servicePort: servicePort.key,
          service: servicePortLabel(servicePort.name),
          protocol: servicePort.name.protocol,
          ...target,
        })),
      ),
    );
}

function targetsOf(
  { frontends }: DesiredServicePort,
  { nodePortAddress }: ProbeOptions,
): readonly Pick<Probe, 'kind' | 'address' | 'port'>[] {
  return frontends.flatMap((frontend): Pick<Probe, 'kind' | 'address' | 'port'>[] => {
    const { port } = frontend;
    if (frontend.kind === 'cluster-ip') return [{ kind: 'ClusterIP', address: frontend.address, port }];
    if (frontend.kind !== 'node-port' || nodePortAddress === null) return [];
    return [{ kind: 'NodePort', address: nodePortAddress, port }];
  });
}
