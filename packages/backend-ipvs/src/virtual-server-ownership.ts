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
export class VirtualServerOwnership implements Ownership {
  readonly #journal: Journal;
  readonly #owned = new Set<VirtualServerKey>();
  #others: ReadonlySet<VirtualServerKey> = new Set();
  #isKnown = false;
  #isWritten = true;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  get owned(): ReadonlySet<VirtualServerKey> {
    return this.#owned;
  }

  get others(): ReadonlySet<VirtualServerKey> {
    return this.#others;
  }

  /** The kernel's state and the journal have been read. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Once in the life of a process: what the journal lists, and what follows from it and the kernel's state. */
  async load(look: (journal: JournalContent) => Iterable<VirtualServerKey>): Promise<void> {
    if (this.#isKnown) return;
    const journal = await this.#journal.load();
    for (const key of journal?.owned ?? []) this.#owned.add(key);
    this.#others = journal?.others ?? this.#others;
    for (const key of look(journal)) this.add(key);
    this.#isKnown = true;
  }

  /** Returns whether it is new. */
  add(key: VirtualServerKey): boolean {
    if (this.#owned.has(key)) return false;
    this.#owned.add(key);
    this.#isWritten = false;
    return true;
  }

  /** It is gone. */
  release(key: VirtualServerKey): void {
    if (this.#owned.delete(key)) this.#isWritten = false;
  }

  /** It turned out to be another program's. */
  giveUp(key: VirtualServerKey): void {
    this.release(key);
    this.setOthers([...this.#others, key]);
  }

  setOthers(keys: Iterable<VirtualServerKey>): void {
    const others = new Set(keys);
    if (sameMembers(others, this.#others)) return;
    this.#others = others;
    this.#isWritten = false;
  }

  /** Writes what is not written yet. What fails is tried again the next time. */
  async save(): Promise<BackendError | null> {
    if (this.#isWritten) return null;
    const error = await this.#journal.save(this);
    this.#isWritten = error === null;
    return error;
  }
}

/** Of a desired virtual server that is not owned. */
export function conflict(key: VirtualServerKey): BackendError {
  const message = `virtual server ${key} is not owned by Signalbox; not modified`;
  return backendError('exists', 'IPVS_CMD_NEW_SERVICE', message, { kernel: 'unchanged' });
}
