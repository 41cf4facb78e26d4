import { library } from '../../tsup.base.ts';

const config: ReturnType<typeof library> = library({
  index: 'src/index.ts',
  testing: 'src/testing/index.ts',
  'monitor-child': 'src/monitor/monitor-child.ts',
});
export default config;
