import { describe, expect, it } from 'vitest';
import { whyNoWorkers } from './start-thread.ts';

describe('threads that share a listening port', () => {
  it.each(['22.12.0', '22.20.1', '23.1.0', '24.0.0', '26.3.1'])(
    'exist with Node.js %s on Linux',
    (version) => {
      expect(whyNoWorkers('linux', version)).toBeNull();
    },
  );

  it.each(['20.19.5', '22.11.0', '23.0.0'])('do not exist with Node.js %s', (version) => {
    expect(whyNoWorkers('linux', version)).toContain(`Node.js ${version}`);
  });

  it.each(['darwin', 'win32'])('do not exist on %s', (platform) => {
    expect(whyNoWorkers(platform, '24.0.0')).toContain(platform);
  });
});
