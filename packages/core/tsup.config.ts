import { library } from '../../tsup.base.ts';

const config: ReturnType<typeof library> = library({
  index: 'src/index.ts',
  'system-clock': 'src/system-clock.ts',
  testing: 'src/testing/index.ts',
});
export default config;
