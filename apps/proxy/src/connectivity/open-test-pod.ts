/** The temporary pod of `signalbox test`: its addresses, and whether they are free. */
import { execFile } from 'node:child_process';
import { familyOf, FAMILIES, type Model } from '@signalbox/core';
import { interfaceAddresses } from '../node/prepare-node.ts';
import { choosePodAddresses } from './pod-address.ts';
import { openPod, type TemporaryPod } from './pod.ts';

export interface TestPodOptions {
  readonly model: Model;
  /** Given by the operator; empty: the last free ones of the pod CIDRs. */
  readonly addresses: readonly string[];
}

/** Or the reason why there is none, in one line. */
export async function openTestPod({
  model,
  addresses: given,
}: TestPodOptions): Promise<TemporaryPod | string> {
  const own = interfaceAddresses().map(({ address }) => address);
  const facts = { model, interfaceAddresses: own, isInUse };
  const addresses = given.length > 0 ? given : await choosePodAddresses(facts);
  if (addresses.length === 0)
    return 'no address for it: the Node has no pod CIDR with a free address; set --pod-address';
  const taken = addresses.find((address) => isTaken(address, model, own));
  if (taken !== undefined) return `--pod-address: ${taken} is in use`;
  const detectors = FAMILIES.map((family) => model.state(family).node.localDetector);
  const detector = detectors.find(({ kind }) => kind !== 'none') ?? { kind: 'none' };
  return openPod({ addresses, detector });
}

function isTaken(address: string, model: Model, own: readonly string[]): boolean {
  return own.includes(address) || [...model.endpointAddresses(familyOf(address))].includes(address);
}

/** A pod that is no endpoint of a Service has a route of its own, or a neighbour entry if it has sent anything of late. */
async function isInUse(address: string): Promise<boolean> {
  const found = await Promise.all([
    outputOf(['-o', 'route', 'show', 'exact', address]),
    outputOf(['-o', 'neigh', 'show', 'to', address]),
  ]);
  return found.some((text) => text.trim() !== '' && !/FAILED|INCOMPLETE/.test(text));
}

function outputOf(words: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile('ip', [...words], (_, stdout) => resolve(stdout));
  });
}
