import { backendError, type BackendError } from '@signalbox/core';
import type { JournalContent } from './diff/ownership.ts';
import type { Journal } from './driver/journal.ts';
import type { Ownership } from './objects/ownership.ts';
import type { VirtualServerKey } from './objects/virtual-server.ts';
import { sameMembers } from './same-members.ts';

/**
 * Whose virtual servers are whose, in memory, and in the journal as soon as that can be written. What is ours stays
 * ours until the kernel says that it is gone: it may be missing in a listing that somebody's deletion disturbed.
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

  /** The kernel has been looked at, and the journal read. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Once in the life of a process: what the journal says, and what the kernel shows in its light. */
  async load(look: (journal: JournalContent) => Iterable<VirtualServerKey>): Promise<void> {
    if (this.#isKnown) return;
    const journal = await this.#journal.load();
    for (const key of journal?.owned ?? []) this.#owned.add(key);
    this.#others = journal?.others ?? this.#others;
    for (const key of look(journal)) this.add(key);
    this.#isKnown = true;
  }

  /** Says whether it is new. */
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

  /** It turned out to be somebody else's. */
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

/** Of a wanted virtual server that is another's. */
export function conflict(key: VirtualServerKey): BackendError {
  const message = `virtual server ${key} is not owned by Signalbox; not modified`;
  return backendError('exists', 'IPVS_CMD_NEW_SERVICE', message, { kernel: 'unchanged' });
}
