import { library } from '../../tsup.base.ts';

const config: ReturnType<typeof library> = library({
  index: 'src/index.ts',
  ruleset: 'src/ruleset.ts',
  'ruleset-testing': 'src/testing/ruleset.ts',
  testing: 'src/testing/index.ts',
});
export default config;
