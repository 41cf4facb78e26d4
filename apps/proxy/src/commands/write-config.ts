import { writeFileSync } from 'node:fs';
import { toYaml } from '../config/encode.ts';
import { messageOf } from '../config/problem.ts';
import type { Settings } from '../config/settings.ts';
import { DONE, failed, type Outcome } from './outcome.ts';

/** `--write-config-to`: the configuration in effect, as a file that `--config` takes. */
export function writeConfig({ config, writeConfigTo }: Settings): Outcome {
  try {
    writeFileSync(writeConfigTo, toYaml(config));
    return DONE;
  } catch (error) {
    return failed(`--write-config-to: cannot write ${writeConfigTo}: ${messageOf(error)}`);
  }
}
