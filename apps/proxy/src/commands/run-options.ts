import type { Composition } from '../compose/composition.ts';
import type { Surroundings } from '../config/complete.ts';
import type { Settings } from '../config/settings.ts';
import type { ParsedFlags } from '../flags/parse.ts';
import type { Logging } from '../logging/logger.ts';

export interface RunOptions {
  readonly settings: Settings;
  readonly flags: ParsedFlags;
  readonly around: Surroundings;
  readonly composition: Composition;
  readonly logging: Logging;
}
