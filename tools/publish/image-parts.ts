/** What the tests of the images share. */
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { buildImage, writeLayout } from './image.mjs';

/** For what hangs: a build takes ten seconds of a processor, on a busy machine some minutes. */
export const BUILD_LIMIT_MS = 900_000;

export interface BuiltImage {
  readonly layer: Buffer;
  readonly bom: object;
}

/** `missing`: why the image cannot be built on this machine, if a part is in no cache and on no server. */
export async function buildIfPossible(
  root: string,
  architecture: 'amd64' | 'arm64',
): Promise<{ readonly image: BuiltImage; readonly missing: string }> {
  mkdirSync(root);
  try {
    return { image: await buildImage(root, architecture), missing: '' };
  } catch (error) {
    if (!/on no mirror|cannot be had from the npm registry/.test(String(error))) throw error;
    return { image: { layer: Buffer.alloc(0), bom: {} }, missing: String(error) };
  }
}

export const digestOf = ({ layer, bom }: BuiltImage): string =>
  createHash('sha256').update(layer).update(JSON.stringify(bom)).digest('hex');

/** Bytes that a node pulls. */
export function sizeOf(image: BuiltImage, folder: string): number {
  const { sizes } = writeLayout(folder, [{ ...image, architecture: 'amd64' }]) as {
    readonly sizes: { readonly amd64: number };
  };
  return sizes.amd64;
}
