/** Node ports: one socket on each of the node's addresses that serves them, so that other addresses stay free for other programs. */
import type { NodePortFrontend } from '@signalbox/core';
import type { CompileContext, Place } from './compile-context.ts';

export function nodePortPlaces({ port }: NodePortFrontend, { node }: CompileContext): readonly Place[] {
  return node.nodePortIPs.map((address) => ({ address, port }));
}
