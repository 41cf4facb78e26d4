import type { KernelService, ServiceFailure } from '../backend.ts';
import type { ServicePortKey } from '../model/service-port-name.ts';
import type { ServiceDescription } from './service-description.ts';

/** The state of the kernel, in addition to the description. Leave out what cannot be read. */
export interface KernelFindings {
  readonly failures?: readonly ServiceFailure[];
  readonly servicePorts?: ReadonlyMap<ServicePortKey, Pick<KernelService, 'objects'>>;
}

function notProgrammed({ ports }: ServiceDescription, { failures = [] }: KernelFindings): string | null {
  const failure = failures.find(({ key }) => ports.some((port) => port.key === key));
  if (failure === undefined) return null;
  return `Failed to program ${failure.key}: ${failure.error.operation}: ${failure.error.message}`;
}

function notHeld({ ports }: ServiceDescription, { servicePorts }: KernelFindings): string | null {
  const keys = new Set(ports.map(({ key }) => key));
  const objects = [...keys].flatMap((key) => servicePorts?.get(key)?.objects ?? []);
  const wrong = objects.filter(({ state }) => state !== 'held');
  const [first] = wrong;
  if (first === undefined) return null;
  const more = wrong.length === 1 ? '' : ` and ${wrong.length - 1} more`;
  return `The kernel does not hold what was programmed: ${first.type} ${first.name} is ${first.state}${more}`;
}

/** The most important finding, in one line. */
export function diagnose(description: ServiceDescription, kernel: KernelFindings = {}): string {
  if (!description.found || description.ports.length === 0)
    return description.reason ?? 'Not served on this node';
  const fault = notProgrammed(description, kernel) ?? description.reason ?? notHeld(description, kernel);
  if (fault !== null) return fault;
  const used = description.ports.flatMap(({ endpoints }) => endpoints.filter(({ use }) => use !== 'none'));
  const addresses = new Set(used.map(({ address }) => address));
  const ports = new Set(description.ports.map(({ key }) => key));
  const count = (many: number, what: string): string => `${many} ${what}${many === 1 ? '' : 's'}`;
  return `Served: ${count(ports.size, 'port')}, ${count(addresses.size, 'endpoint')}`;
}
