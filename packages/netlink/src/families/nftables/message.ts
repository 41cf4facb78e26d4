/** The form that all nf_tables messages share: operation, header, names. */
import type { NetlinkMessage, NetlinkRequest } from '../../codec/message.ts';
import { PayloadWriter } from '../../codec/writer.ts';
import { netfilterHeader, netfilterType } from '../nfnetlink.ts';
import { NAME_BYTES, NFPROTO, NFT_MSG, type NftMessage, type NftablesFamily } from './constants.ts';

export interface MessageShape {
  readonly command: NftMessage;
  readonly family: NftablesFamily;
  /** Flags beyond NLM_F_REQUEST. */
  readonly flags?: number;
  /** What an error names: `chain ip kube-proxy services`. */
  readonly subject?: string;
  readonly capacity?: number;
}

export function nftRequest(shape: MessageShape, write: (writer: PayloadWriter) => void): NetlinkRequest {
  const writer = new PayloadWriter(shape.capacity).raw(netfilterHeader(NFPROTO[shape.family]));
  write(writer);
  return {
    operation: `NFT_MSG_${shape.command}`,
    type: netfilterType('nftables', NFT_MSG[shape.command]),
    flags: shape.flags ?? 0,
    payload: writer.finish(),
    ...(shape.subject === undefined ? {} : { context: { subject: shape.subject } }),
  };
}

export function isMessage(message: NetlinkMessage, command: NftMessage): boolean {
  return message.type === netfilterType('nftables', NFT_MSG[command]);
}

const WORDS: ReadonlyMap<number, NftablesFamily> = new Map(
  Object.entries(NFPROTO).map(([word, value]) => [value, word as NftablesFamily]),
);

/** `undefined` for a family that has no word here. */
export function familyOfMessage({ payload }: NetlinkMessage): NftablesFamily | undefined {
  return WORDS.get(payload[0] ?? 0);
}

/**
 * The low 16 bits of the generation at which this message of a dump was made; the kernel does not flag element dumps that
 * commits interrupted, so that the generations of all messages have to be compared.
 */
export function generationOfMessage({ payload }: NetlinkMessage): number {
  return payload.length < 4 ? 0 : payload.readUInt16BE(2);
}

/** Throws a RangeError for what the kernel takes for no name, or for all objects of the family. */
export function checkName(what: string, name: string): string {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > NAME_BYTES) {
    throw new RangeError(`${what} "${name}": a name has 1 to ${NAME_BYTES} bytes`);
  }
  // eslint-disable-next-line no-control-regex -- exactly these
  if (/[\u0000-\u001f\u007f]/.test(name)) {
    throw new RangeError(`${what} ${JSON.stringify(name)}: a name has no control characters`);
  }
  return name;
}
