import { fail, succeed } from '@signalbox/core';
import type { AddressFamily } from '../codec/address.ts';
import type { NetlinkRequest } from '../codec/message.ts';
import { decodeFamily, encodeGetFamily } from '../families/generic.ts';
import {
  decodeInfo,
  decodeTimeouts,
  encodeGetInfo,
  encodeGetTimeouts,
  encodeSetTimeouts,
  type IpvsInfo,
  type IpvsTimeouts,
} from '../families/ipvs/config.ts';
import { IPVS_GENL_NAME } from '../families/ipvs/constants.ts';
import {
  decodeDestination,
  encodeDeleteDestination,
  encodeDestinationCommand,
  encodeListDestinations,
  type IpvsDestination,
  type IpvsDestinationKey,
  type IpvsDestinationState,
} from '../families/ipvs/destination.ts';
import {
  decodeService,
  encodeDeleteService,
  encodeGetService,
  encodeListServices,
  encodeServiceCommand,
  type IpvsService,
  type IpvsServiceKey,
  type IpvsServiceState,
} from '../families/ipvs/service.ts';
import { mapResult, type NetlinkResult } from '../result.ts';
import { type NetlinkOptions, openNetlink } from '../socket/open-netlink.ts';
import type { NetlinkTransport, Outcomes } from '../socket/transport.ts';
import { completeItems, decodedAnswer, encoded } from './guard.ts';
import { keepSuccess, type Kept } from './keep-success.ts';

/** One step of a change to the IPVS table. */
export type IpvsChange =
  | { readonly kind: 'add-service' | 'set-service'; readonly service: IpvsService }
  /** With its destinations. */
  | { readonly kind: 'delete-service'; readonly service: IpvsServiceKey }
  | {
      readonly kind: 'add-destination' | 'set-destination';
      readonly service: IpvsServiceKey;
      readonly destination: IpvsDestination;
    }
  | {
      readonly kind: 'delete-destination';
      readonly service: IpvsServiceKey;
      readonly destination: IpvsDestinationKey;
    };

/** The IPVS table of the network namespace this process is in. Nothing throws or rejects. */
export interface IpvsClient {
  /** `unsupported` if the kernel has no IPVS and its module cannot be loaded. */
  info(): Promise<NetlinkResult<IpvsInfo>>;
  /** The timeouts of the network namespace, as `ipvsadm --list --timeout` prints them. */
  timeouts(): Promise<NetlinkResult<IpvsTimeouts>>;
  /** Seconds; what is left out, and 0, keeps its value. */
  setTimeouts(timeouts: Partial<IpvsTimeouts>): Promise<NetlinkResult<void>>;
  /** All address-based services, or those of a family. */
  listServices(family?: AddressFamily): Promise<NetlinkResult<readonly IpvsServiceState[]>>;
  /** `not-found` if it is not there. */
  getService(key: IpvsServiceKey): Promise<NetlinkResult<IpvsServiceState>>;
  /** Empty for a service that does not exist. */
  listDestinations(service: IpvsServiceKey): Promise<NetlinkResult<readonly IpvsDestinationState[]>>;
  /**
   * All changes in order, many to a datagram, each tried whatever became of those before it. An outcome is
   * `undefined` for success, else `exists`, `not-found` (the service, the destination or the scheduler) ...
   */
  apply(changes: readonly IpvsChange[]): Promise<NetlinkResult<Outcomes>>;
  /** Closes the socket; pending calls end with `unavailable`. */
  close(): void;
}

/**
 * A client over one generic netlink socket, which is opened at the first call; the id of the family `IPVS` is kept.
 * `transport` replaces that socket; `options` are not used then.
 */
export function createIpvsClient(
  options: NetlinkOptions = {},
  transport: NetlinkTransport = openNetlink('generic', options),
): IpvsClient {
  const session: Session = { transport, family: keepSuccess(() => resolveFamily(transport)) };
  return {
    info: () => ask(session, { encode: encodeGetInfo, decode: decodeInfo }),
    timeouts: () => ask(session, { encode: encodeGetTimeouts, decode: decodeTimeouts }),
    setTimeouts: (timeouts) =>
      withFamily(session, async (id) =>
        mapResult(await transport.request(encodeSetTimeouts(id, timeouts)), () => {}),
      ),
    listServices: async (family) =>
      mapResult(await listServices(session), (services) =>
        family === undefined ? services : services.filter((service) => service.family === family),
      ),
    getService: (key) => ask(session, { encode: (id) => encodeGetService(id, key), decode: decodeService }),
    listDestinations: (service) => listDestinations(session, service),
    apply: (changes) => apply(session, changes),
    close: () => transport.close(),
  };
}

interface Session {
  readonly transport: NetlinkTransport;
  /** The family's number, requested once and kept once it is known. */
  readonly family: Kept<number>;
}

async function withFamily<T>(
  session: Session,
  use: (familyId: number) => Promise<NetlinkResult<T>>,
): Promise<NetlinkResult<T>> {
  const family = await session.family.get();
  return family.ok ? use(family.value) : family;
}

async function resolveFamily(transport: NetlinkTransport): Promise<NetlinkResult<number>> {
  const answer = await transport.request(encodeGetFamily(IPVS_GENL_NAME));
  if (!answer.ok && answer.error.code === 'not-found') {
    return fail({ ...answer.error, code: 'unsupported', message: 'this kernel has no IPVS (module ip_vs)' });
  }
  return mapResult(decodedAnswer('CTRL_CMD_GETFAMILY', answer, decodeFamily), (family) => family.id);
}

interface Question<T> {
  readonly encode: (familyId: number) => NetlinkRequest;
  readonly decode: (message: Parameters<typeof decodeInfo>[0]) => T | undefined;
}

function ask<T>(session: Session, question: Question<T>): Promise<NetlinkResult<T>> {
  return withFamily(session, async (familyId) => {
    const request = encoded('IPVS', () => question.encode(familyId));
    if (!request.ok) return request;
    const answer = await session.transport.request(request.value);
    return decodedAnswer(request.value.operation, answer, question.decode);
  });
}

function listServices(session: Session): Promise<NetlinkResult<readonly IpvsServiceState[]>> {
  return withFamily(session, async (familyId) => {
    const request = encodeListServices(familyId);
    const dump = await session.transport.dump(request, decodeService);
    if (!dump.ok && dump.error.code === 'not-found') session.family.drop();
    return completeItems(request.operation, dump);
  });
}

function listDestinations(
  session: Session,
  service: IpvsServiceKey,
): Promise<NetlinkResult<readonly IpvsDestinationState[]>> {
  return withFamily(session, async (familyId) => {
    const request = encoded('IPVS_CMD_GET_DEST', () => encodeListDestinations(familyId, service));
    if (!request.ok) return request;
    const dump = await session.transport.dump(request.value, (message) =>
      decodeDestination(message, service.family),
    );
    return completeItems(request.value.operation, dump);
  });
}

function apply(session: Session, changes: readonly IpvsChange[]): Promise<NetlinkResult<Outcomes>> {
  if (changes.length === 0) return Promise.resolve(succeed([]));
  return withFamily(session, async (familyId) => {
    const requests = encoded('IPVS', () => changes.map((change) => encodeChange(familyId, change)));
    if (!requests.ok) return requests;
    const outcomes = await session.transport.requestAll(requests.value);
    // The kernel's error too if the family's number no longer exists: the module was unloaded, and may come back under another.
    if (outcomes.ok && outcomes.value.some((each) => each?.code === 'not-found')) session.family.drop();
    return outcomes;
  });
}

function encodeChange(familyId: number, change: IpvsChange): NetlinkRequest {
  switch (change.kind) {
    case 'add-service':
      return encodeServiceCommand(familyId, 'NEW_SERVICE', change.service);
    case 'set-service':
      return encodeServiceCommand(familyId, 'SET_SERVICE', change.service);
    case 'delete-service':
      return encodeDeleteService(familyId, change.service);
    case 'add-destination':
      return encodeDestinationCommand(familyId, 'NEW_DEST', change.service, change.destination);
    case 'set-destination':
      return encodeDestinationCommand(familyId, 'SET_DEST', change.service, change.destination);
    case 'delete-destination':
      return encodeDeleteDestination(familyId, change.service, change.destination);
  }
}
