import { library } from '../../tsup.base.ts';

const config: ReturnType<typeof library> = library({
  index: 'src/index.ts',
  testing: 'src/testing/index.ts',
  'userspace-worker': 'src/workers/userspace-worker.ts',
});
export default config;
