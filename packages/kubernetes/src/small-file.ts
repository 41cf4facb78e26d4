/** Kubeconfig files, and those of a token or some certificates. */
import { constants, open } from 'node:fs/promises';

import { createPieceBuffer } from './http/limits.ts';

/** A bundle of all public certificate authorities has 0.2 MiB. */
const SIZE_LIMIT = 4 << 20;

/** The text of a regular file. Rejects with one line about what is wrong with it. */
export async function readSmallFile(path: string): Promise<string> {
  // Without O_NONBLOCK, which Windows lacks, opening a FIFO holds a thread of Node's pool until there is a writer.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!(await file.stat()).isFile()) throw new Error('not a regular file');
    const bytes = createPieceBuffer('the file', SIZE_LIMIT);
    for await (const chunk of file.createReadStream({ autoClose: false })) bytes.append(chunk as Buffer);
    return bytes.take(Buffer.alloc(0)).toString('utf8');
  } finally {
    await file.close();
  }
}
