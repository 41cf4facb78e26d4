import { describe, expect, it } from 'vitest';
import { settingsOf, settingsOfFile } from '../testing/settings.ts';

const ENDPOINT = '--tracing-endpoint';
const RATE = '--tracing-sampling-rate-per-million';

describe('--tracing-endpoint', () => {
  it('is off by default, also with a sampling rate', () => {
    expect(settingsOf([]).tracing).toBeNull();
    expect(settingsOf([`${ENDPOINT}=`, `${RATE}=5`]).tracing).toBeNull();
  });

  it.each([
    ['http://127.0.0.1:4318', 'http://127.0.0.1:4318/v1/traces'],
    ['https://collector.monitoring.svc:4318/', 'https://collector.monitoring.svc:4318/v1/traces'],
    ['localhost:4318', 'http://localhost:4318/v1/traces'],
    ['[2001:db8::1]:4318', 'http://[2001:db8::1]:4318/v1/traces'],
    ['http://gateway/otlp', 'http://gateway/otlp/v1/traces'],
    ['http://gateway/otlp/v1/traces', 'http://gateway/otlp/v1/traces'],
  ])('%s: spans are posted to %s', (endpoint, url) => {
    expect(settingsOf([`${ENDPOINT}=${endpoint}`]).tracing).toEqual({
      url,
      samplingRatePerMillion: 1_000_000,
      connectionsPerMillion: 1000,
    });
  });

  it('counts beside a file, with a sampling rate', () => {
    expect(settingsOfFile('', [`${ENDPOINT}=localhost:4318`, `${RATE}=0`]).tracing).toMatchObject({
      samplingRatePerMillion: 0,
    });
  });

  it.each([
    'grpc://127.0.0.1:4317',
    'http://',
    'http://user:secret@collector:4318',
    'host:99999',
    'a b:4318',
  ])('%s is one error that names flag and value', (endpoint) => {
    expect(() => settingsOf([`${ENDPOINT}=${endpoint}`])).toThrow(
      `invalid argument "${endpoint}" for "--tracing-endpoint" flag: must be http://HOST:PORT, https://HOST:PORT or HOST:PORT, without user, query and fragment`,
    );
  });

  it('has a sampling rate of its own for connections in userspace mode', () => {
    const flags = [`${ENDPOINT}=localhost:4318`, '--userspace-tracing-sampling-rate-per-million=5'];
    expect(settingsOf(flags).tracing).toMatchObject({
      samplingRatePerMillion: 1_000_000,
      connectionsPerMillion: 5,
    });
    expect(() => settingsOf(['--userspace-tracing-sampling-rate-per-million=-1'])).toThrow(
      'invalid argument "-1" for "--userspace-tracing-sampling-rate-per-million" flag: must be within the range [0, 1000000]',
    );
  });

  it.each(['-1', '1000001'])('a sampling rate of %s is an error', (rate) => {
    expect(() => settingsOf([`${RATE}=${rate}`])).toThrow(
      `invalid argument "${rate}" for "--tracing-sampling-rate-per-million" flag: must be within the range [0, 1000000]`,
    );
  });
});
