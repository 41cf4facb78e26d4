/** The readers of answers, without a server: for measurements. */
import type { Resource } from '@signalbox/core';

import type { Format } from '../http/formats.ts';
import { createListReader } from '../reflector/read-list.ts';
import type { ListSplitter } from '../http/list-splitter.ts';
import { createEventDecoder, type EventDecoder } from '../reflector/decode-events.ts';

interface Readers {
  readonly list: (format: Format, resource: Resource) => ListSplitter;
  readonly watch: (format: Format, resource: Resource) => EventDecoder;
}

/** Functions that create the list and watch decoders of a reflector for one format and resource. */
export const readers: Readers = { list: createListReader, watch: createEventDecoder };
