// No image is built by the tests: at least the files that build images are valid, instruction by instruction.
import { readFileSync } from 'node:fs';
import { validate } from 'dockerfile-utils';

const files = ['Dockerfile', 'deploy/windows/Dockerfile.windows'];

for (const file of files) {
  const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
  for (const { message, range } of validate(text)) {
    process.stderr.write(
      `${file}:${range.start.line + 1}: ${typeof message === 'string' ? message : message.value}\n`,
    );
    process.exitCode = 1;
  }
}
