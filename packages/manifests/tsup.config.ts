import { library } from '../../tsup.base.ts';

const config: ReturnType<typeof library> = library();
export default config;
