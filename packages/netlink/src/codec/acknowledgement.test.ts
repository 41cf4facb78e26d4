import { describe, expect, it } from 'vitest';
import { type Acknowledgement, decodeAcknowledgement } from './acknowledgement.ts';
import { refusal } from './errno.ts';
import { decodeMessages, type NetlinkRequest } from './message.ts';

function acknowledgement(hex: string): Acknowledgement | undefined {
  const [message] = decodeMessages(Buffer.from(hex, 'hex'));
  return message === undefined ? undefined : decodeAcknowledgement(message);
}

const request: NetlinkRequest = { operation: 'RTM_NEWLINK', type: 16, flags: 0, payload: Buffer.alloc(0) };

// What the kernel answered, taken from the tools' sockets.
describe('decodeAcknowledgement', () => {
  it('reads an acknowledgement that was cut down to the header', () => {
    // ipvsadm -A -t 10.96.0.1:443 -s rr
    const hex = '2400000002000001544d016b1403004600000000680000001c000500544d016b14030046';
    expect(acknowledgement(hex)).toEqual({ errno: 0 });
  });

  it('reads a refusal with the message that it is about', () => {
    // ipset add KUBE-CLUSTER-IP 10.96.0.1,tcp:443 (for the second time)
    const hex =
      '6c000000020000004f4d016bb7320000f9efffff58000000090605024f4d016b00000000020000000500010007' +
      '000000140002004b5542452d434c55535445522d495000280007800c000180080001400a6000010600044001bb' +
      '000005000700060000000800094000000000';
    const read = acknowledgement(hex);
    expect(read?.errno).toBe(4103);
    expect(read?.echo?.toString('hex')).toBe(hex.slice(40));
  });

  it('reads the extended acknowledgement', () => {
    // ip link add zz type nosuchkind
    const hex =
      '68000000020000028451016b44590000a1ffffff3c000000100005068451016b00000000000000000000000000000000' +
      '00000000070003007a7a0000140012000e0001006e6f737563686b696e64000018000100556e6b6e6f776e2064657669' +
      '6365207479706500';
    const read = acknowledgement(hex);
    expect(read).toMatchObject({ errno: 95, text: 'Unknown device type' });
    expect(read?.echo?.length).toBe(0x3c);
    expect(read === undefined ? undefined : refusal(request, read)).toEqual({
      code: 'unsupported',
      operation: 'RTM_NEWLINK',
      message: 'EOPNOTSUPP: Unknown device type',
      errno: 95,
      errnoName: 'EOPNOTSUPP',
    });
  });

  it('reads the offset of the culprit', () => {
    const hex =
      '2c0000000200000301000000000000' +
      '00eaffffff2000000010000500010000000000000008000200140000 00'.replace(' ', '');
    expect(acknowledgement(hex)).toEqual({ errno: 22, offset: 20 });
  });

  it('reads the end of a dump, with and without an error', () => {
    // ip -o addr show
    expect(acknowledgement('14000000030002004e4d016bab32000000000000')).toEqual({ errno: 0 });
    expect(acknowledgement('1400000003000200010000000000000 0feffffff'.replace(' ', ''))).toEqual({
      errno: 2,
    });
  });

  it('has nothing to say about an error message that is too short', () => {
    expect(acknowledgement('10000000020000000100000000000000')).toBeUndefined();
  });
});

describe('refusal', () => {
  it.each([
    [1, 'not-permitted', 'EPERM'],
    [2, 'not-found', 'ENOENT'],
    [3, 'not-found', 'ESRCH'],
    [16, 'busy', 'EBUSY'],
    [17, 'exists', 'EEXIST'],
    [22, 'rejected', 'EINVAL'],
    [93, 'unsupported', 'EPROTONOSUPPORT'],
    [4321, 'rejected', 'errno 4321'],
  ])('errno %i is %s, %s', (errno, code, errnoName) => {
    expect(refusal(request, { errno })).toMatchObject({ code, errno, errnoName });
  });

  it("prefers the family's own names and names the subject", () => {
    const errors = new Map([[4100, { name: 'IPSET_ERR_BUSY', code: 'busy' }]] as const);
    const error = refusal({ ...request, context: { subject: 'KUBE-LOOP-BACK', errors } }, { errno: 4100 });
    expect(error).toMatchObject({ code: 'busy', message: 'IPSET_ERR_BUSY: KUBE-LOOP-BACK' });
  });
});
