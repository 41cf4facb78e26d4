/** Whether this kernel can do IPVS with a given scheduler (IPVS1). */
import { backendError, PROTOCOL_NUMBER, type BackendError } from '@signalbox/core';
import { errorOf, toBackendError, type IpvsService } from '@signalbox/netlink';
import type { Clients } from './clients.ts';

/** The address that kube-proxy tries with: TEST-NET-2, which no host has. */
const PROBE: Omit<IpvsService, 'scheduler'> = {
  family: 'IPv4',
  protocol: PROTOCOL_NUMBER.TCP,
  address: '198.51.100.0',
  port: 20_000,
  flags: 0,
  timeoutSeconds: 0,
  persistencePrefix: 32,
};

/** The other family's backend may be trying the same at the same time. */
const TRIES = 3;

/**
 * A scheduler that some virtual server uses works. Any other is tried on a virtual server made for the purpose,
 * which makes the kernel load its module.
 */
export async function probeKernel(clients: Clients, scheduler: string): Promise<BackendError | null> {
  const protocol = await clients.ipset.protocol();
  if (!protocol.ok) return toBackendError(protocol.error);
  const services = await clients.ipvs.listServices();
  if (!services.ok) return toBackendError(services.error);
  if (services.value.some((service) => service.scheduler === scheduler)) return null;
  let error = await tryScheduler(clients, scheduler);
  for (let tries = 1; error?.code === 'exists' && tries < TRIES; tries += 1) {
    error = await tryScheduler(clients, scheduler);
  }
  return error === null ? null : schedulerError(scheduler, error);
}

async function tryScheduler({ ipvs }: Clients, scheduler: string): Promise<BackendError | null> {
  const service = { ...PROBE, scheduler };
  const added = await ipvs.apply([{ kind: 'add-service', service }]);
  const refusal = added.ok ? added.value[0] : added.error;
  if (refusal !== undefined && refusal.code !== 'exists') return toBackendError(refusal);
  const seen = await ipvs.getService(service);
  // Also what a process that was killed has left, which would be in the way of every other scheduler.
  const removed = await ipvs.apply([{ kind: 'delete-service', service }]);
  if (refusal !== undefined) {
    return seen.ok && seen.value.scheduler === scheduler ? null : toBackendError(refusal);
  }
  const left = removed.ok ? removed.value[0] : removed.error;
  // The other family's backend may have been faster.
  return errorOf(seen) ?? (left === undefined || left.code === 'not-found' ? null : toBackendError(left));
}

function schedulerError(scheduler: string, { code, operation, message }: BackendError): BackendError {
  const reason = `IPVS scheduler ${scheduler} does not work in this kernel (module ip_vs_${scheduler}): ${message}`;
  // "Not found" is the kernel's error for a scheduler for which it finds no module.
  return backendError(code === 'not-found' ? 'unsupported' : code, operation, reason, {
    kernel: 'unchanged',
  });
}
