// No image is built by the tests: at least the files that build images are valid, instruction by instruction.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { validate } = createRequire(import.meta.url)('dockerfile-utils');
const files = ['Dockerfile', 'deploy/windows/Dockerfile.windows'];

for (const file of files) {
  const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
  for (const { message, range } of validate(text)) {
    process.stderr.write(`${file}:${range.start.line + 1}: ${message}\n`);
    process.exitCode = 1;
  }
}
