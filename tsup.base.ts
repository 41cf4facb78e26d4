import { defineConfig, type Options } from 'tsup';

/** Bundles of a library package: one ESM file per public entry; declarations come from tsc, not from tsup. */
export function library(
  entry: Record<string, string> = { index: 'src/index.ts' },
): ReturnType<typeof defineConfig> {
  const options: Options = {
    entry,
    format: ['esm'],
    target: 'node22',
    platform: 'node',
    clean: true,
    dts: false,
    sourcemap: true,
    splitting: true,
    silent: true,
  };
  return defineConfig(options);
}
