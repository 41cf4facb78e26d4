import { buildServicePort } from '../desired/build-service-port.ts';
import type { FamilyContext } from '../desired/family-context.ts';
import type { DesiredHealthCheck, DesiredServicePort } from '../desired/desired-state.ts';
import { healthCheck } from '../desired/health-check.ts';
import type { ServiceModel } from '../model/service.ts';
import type { ServicePortKey } from '../model/service-port-name.ts';
import { collectCandidates } from '../select/candidate.ts';
import type { FrontendConflicts } from './frontend-conflicts.ts';
import type { SliceStore } from './endpoint-slices.ts';

/** The result of compiling one Service in one family. */
export interface BuiltService {
  readonly servicePorts: ReadonlyMap<ServicePortKey, DesiredServicePort>;
  readonly healthCheck: DesiredHealthCheck | null;
}

export const NO_SERVICE: BuiltService = { servicePorts: new Map(), healthCheck: null };

export interface BuildInputs {
  readonly slices: SliceStore;
  readonly frontendConflicts: FrontendConflicts;
}

/** A service in one family, without the frontends that belong to other services. */
export function buildService(
  service: ServiceModel,
  inputs: BuildInputs,
  context: FamilyContext,
): BuiltService {
  const { family, location } = context;
  const addresses = service.addresses[family];
  if (addresses === undefined) return NO_SERVICE;
  const slices = service.headless ? [] : inputs.slices.of(service.key, family);
  const ports = service.ports.map((port) => ({
    port,
    candidates: collectCandidates(slices, port.name, location.name),
  }));
  const servicePorts = new Map<ServicePortKey, DesiredServicePort>();
  for (const { port, candidates } of ports) {
    const built = buildServicePort(service, port, candidates, { ...context, addresses });
    const scope = { family, protocol: port.name.protocol };
    const held = built.frontends.filter((frontend) =>
      inputs.frontendConflicts.ownsFrontend(port.key, frontend, scope),
    );
    if (held.length === built.frontends.length) servicePorts.set(port.key, built);
    else if (held.length > 0) servicePorts.set(port.key, { ...built, frontends: held });
  }
  const all = ports.flatMap(({ candidates }) => candidates);
  return { servicePorts, healthCheck: healthCheck(service, all) };
}
