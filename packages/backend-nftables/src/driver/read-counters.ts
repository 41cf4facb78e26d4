/** Elements with their counters, each set at a generation of its own. */
import { type Result, succeed } from '@signalbox/core';
import { decodeElement } from '../encode/element-text.ts';
import { tableOf } from '../encode/operation-requests.ts';
import type { SetDeclaration } from '../objects/ruleset.ts';
import { toResult } from '@signalbox/netlink';
import type { Kernel } from './kernel.ts';
import type { CountedElement } from './nftables-driver.ts';

export async function readCounters(
  { client, family }: Kernel,
  sets: readonly SetDeclaration[],
  isAskedFor: (set: string, key: string) => boolean,
): Promise<Result<readonly CountedElement[]>> {
  const counted: CountedElement[] = [];
  for (const set of sets) {
    const listed = await client.readElements(
      tableOf(family),
      set.name,
      (elements) => {
        for (const element of elements) {
          const text = decodeElement(set, element);
          if (!isAskedFor(set.name, text.key)) continue;
          counted.push({ set: set.name, ...text, packets: element.counter?.packets ?? null });
        }
      },
      { counters: true },
    );
    if (!listed.ok && listed.error.code !== 'not-found') return toResult(listed);
  }
  return succeed(counted);
}
