import type { Explanation } from '@signalbox/core';
import { describe, expect, it } from 'vitest';
import { probeResult, renderReport } from './probe-report.ts';
import type { Probe } from './probes.ts';
import type { TracedAttempt } from './run-probes.ts';

const PROBE: Probe = {
  caller: 'node',
  family: 'IPv4',
  servicePort: 'shop/web:http/TCP',
  service: 'shop/web:http',
  kind: 'ClusterIP',
  protocol: 'TCP',
  address: '10.96.0.10',
  port: 80,
};

function explanation(kind: 'forward' | 'reject'): Explanation {
  return {
    outcome: kind === 'forward' ? { kind, destinations: [] } : { kind },
    servicePort: PROBE.servicePort,
    frontend: null,
    route: null,
    rule: kind === 'forward' ? 'S15' : 'S23',
    masquerade: false,
    endpoints: [],
    reason: kind === 'forward' ? 'traffic goes to cluster endpoints' : 'no usable endpoint exists',
  };
}

function attempts(result: TracedAttempt['result'], endpoints: readonly (string | null)[]): TracedAttempt[] {
  return endpoints.map((address) => ({
    result,
    local: null,
    endpoint: address === null ? null : { address, port: 8080 },
  }));
}

const HOST = ['192.0.2.10'];

const TO_TWO = attempts('answered', ['10.244.1.5', '10.244.1.6', '10.244.1.5', '10.244.1.5']);

describe('the report of signalbox test', () => {
  it('draws the share of each endpoint', () => {
    const result = probeResult({ probe: PROBE, attempts: TO_TWO }, explanation('forward'), HOST);
    expect(result).toMatchObject({ state: 'answered', connections: 4, answered: 4 });
    const [head, row, total] = renderReport([result], []).split('\n');
    expect(head).toBe('shop/web:http');
    expect(row).toMatch(
      /^ {2}node +ClusterIP +10\.96\.0\.10:80\/tcp +4\/4 answered +10\.244\.1\.5:8080 3 ███████▌ +10\.244\.1\.6:8080 1 ██▌$/,
    );
    expect(total).toBe('Total: 1 answered, 0 not answered');
  });

  it.each([
    [
      'TCP',
      'rejected',
      'reject',
      'unanswered',
      '1 refused; as the rules say: no usable endpoint exists (S23)',
    ],
    ['TCP', 'silent', 'forward', 'unanswered', '1 without an answer; the rules forward them: traffic goes'],
    ['UDP', 'rejected', 'forward', 'unanswered', '1 refused; the rules forward them'],
    ['UDP', 'silent', 'reject', 'unanswered', '1 without an answer; as the rules say'],
    ['UDP', 'silent', 'forward', 'unknown', '1 unknown (UDP without an answer)'],
  ] as const)('%s, %s where the rules say %s: %s', (...row) => {
    const [protocol, result, kind, state, text] = row;
    const probe = { ...PROBE, protocol };
    const seen = probeResult({ probe, attempts: attempts(result, [null]) }, explanation(kind), HOST);
    expect(seen.state).toBe(state);
    expect(renderReport([seen], [])).toContain(text);
  });

  it('shows no socket of the proxy as an endpoint, but a pod with the address of the node', () => {
    const attempt = attempts('answered', ['192.0.2.10']);
    const forward = explanation('forward');
    expect(probeResult({ probe: PROBE, attempts: attempt }, forward, HOST).endpoints).toEqual([]);
    const onHost = { ...forward, endpoints: [{ address: '192.0.2.10', port: 8080, isLocal: true }] };
    expect(probeResult({ probe: PROBE, attempts: attempt }, onHost, HOST).endpoints).toHaveLength(1);
  });

  it('lists what was skipped', () => {
    const result = probeResult({ probe: PROBE, attempts: null }, explanation('forward'), HOST);
    expect(result.state).toBe('skipped');
    const text = renderReport([result], ['connections from a pod: command not found: unshare']);
    expect(text).toContain('Skipped: connections from a pod: command not found: unshare\n');
    expect(text).toContain('Total: 0 answered, 0 not answered, 1 skipped');
  });
});
