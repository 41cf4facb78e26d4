/** Files that outlive the process and not a boot of the node, for root only: what they describe is in the kernel. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { statSync } from 'node:fs';
import path from 'node:path';

export const STATE_FOLDER = '/run/signalbox';

export interface StateFile {
  /** `null`: there is none, or it cannot be read. */
  read(): Promise<string | null>;
  /** Replaces all of it at once; one line with the reason if it could not be written. */
  write(text: string): Promise<string | null>;
}

/** Processes of one network namespace share their rules, and such files; others may share the folder. */
export function networkNamespace(): string {
  return String(statSync('/proc/self/ns/net').ino);
}

export function stateFile(file: string): StateFile {
  const draft = `${file}.${process.pid}.tmp`;
  return {
    read: () => readFile(file, 'utf8').catch(() => null),
    write: async (text) => {
      try {
        await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
        await writeFile(draft, text, { mode: 0o600 });
        await rename(draft, file);
        return null;
      } catch (error) {
        await rm(draft, { force: true }).catch(() => undefined);
        return error instanceof Error ? error.message : String(error);
      }
    },
  };
}
