import type { ConnectionRecord } from '../modes/proxy-mode.ts';

const endpoint = { address: '10.244.1.5', port: 8080 };

/** Of a connection that was forwarded at the second attempt. */
export const CONNECTION: ConnectionRecord = {
  servicePort: { namespace: 'shop', name: 'web', port: 'http', protocol: 'TCP' },
  client: { address: '10.244.1.9', port: 40_000 },
  frontend: { address: '10.96.0.10', port: 80 },
  endpoint,
  attempts: [
    { endpoint: { ...endpoint, address: '10.244.1.4' }, at: 1_700_000_000_250, outcome: 'timeout' },
    { endpoint, at: 1_700_000_000_251, outcome: 'connected' },
  ],
  bytesIn: 5,
  bytesOut: 9,
  startedAt: 1_700_000_000_000,
  endedAt: 1_700_000_001_000,
  cause: 'closed',
};
