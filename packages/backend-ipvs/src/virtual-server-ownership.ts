import { backendError, type BackendError } from '@signalbox/core';
import type { JournalContent } from './diff/ownership.ts';
import type { Journal } from './driver/journal.ts';
import type { Ownership } from './objects/ownership.ts';
import type { VirtualServerKey } from './objects/virtual-server.ts';
import { sameMembers } from './same-members.ts';

/**
 * Which virtual servers are owned, in memory, and in the journal as soon as that can be written. An owned one stays owned
 * until the kernel confirms that it is gone: a listing during which another process deletes some may miss it.
 */
export interface VirtualServerOwnership extends Ownership {
  /** The kernel's state and the journal have been read. */
  readonly isKnown: boolean;
  /** Once in the life of a process: what the journal lists, and what follows from it and the kernel's state. */
  load(look: (journal: JournalContent) => Iterable<VirtualServerKey>): Promise<void>;
  /** Returns whether it is new. */
  add(key: VirtualServerKey): boolean;
  /** It is gone. */
  release(key: VirtualServerKey): void;
  /** It turned out to be another program's. */
  giveUp(key: VirtualServerKey): void;
  setOthers(keys: Iterable<VirtualServerKey>): void;
  /** Writes what is not written yet. What fails is tried again the next time. */
  save(): Promise<BackendError | null>;
}

interface Known {
  readonly owned: Set<VirtualServerKey>;
  others: ReadonlySet<VirtualServerKey>;
  isKnown: boolean;
  isWritten: boolean;
}

export function createVirtualServerOwnership(journal: Journal): VirtualServerOwnership {
  const known: Known = { owned: new Set(), others: new Set(), isKnown: false, isWritten: true };
  const changes = changesOf(known);
  return {
    owned: known.owned,
    get others() {
      return known.others;
    },
    get isKnown() {
      return known.isKnown;
    },
    ...changes,
    async load(look) {
      if (known.isKnown) return;
      const listed = await journal.load();
      for (const key of listed?.owned ?? []) known.owned.add(key);
      known.others = listed?.others ?? known.others;
      for (const key of look(listed)) changes.add(key);
      known.isKnown = true;
    },
    async save() {
      if (known.isWritten) return null;
      const error = await journal.save(known);
      known.isWritten = error === null;
      return error;
    },
  };
}

function changesOf(known: Known): Pick<VirtualServerOwnership, 'add' | 'release' | 'giveUp' | 'setOthers'> {
  const release = (key: VirtualServerKey): void => {
    if (known.owned.delete(key)) known.isWritten = false;
  };
  const setOthers = (keys: Iterable<VirtualServerKey>): void => {
    const others = new Set(keys);
    if (sameMembers(others, known.others)) return;
    known.others = others;
    known.isWritten = false;
  };
  return {
    add(key) {
      if (known.owned.has(key)) return false;
      known.owned.add(key);
      known.isWritten = false;
      return true;
    },
    release,
    giveUp(key) {
      release(key);
      setOthers([...known.others, key]);
    },
    setOthers,
  };
}

/** Of a desired virtual server that is not owned. */
export function conflict(key: VirtualServerKey): BackendError {
  const message = `virtual server ${key} is not owned by Signalbox; not modified`;
  return backendError('exists', 'IPVS_CMD_NEW_SERVICE', message, { kernel: 'unchanged' });
}
