/** An API client that reports the outcome of its requests: for the `rest_client_*` metrics of dashboards. */
import type { ApiClient } from '@signalbox/kubernetes';

export interface RequestReport {
  readonly method: string;
  /** `host:port` of the server. */
  readonly host: string;
  /** HTTP status, or `<error>` without an answer. */
  readonly code: string;
  /** From asking to the head of the answer; with waits for the rate limit. */
  readonly seconds: number;
}

export type ReportListener = (report: RequestReport) => void;

export function measuredClient(client: ApiClient, listener: ReportListener): ApiClient {
  return {
    clock: client.clock,
    get server() {
      return client.server;
    },
    open: async (request) => {
      const startedAt = client.clock.elapsed();
      const asked = client.server;
      const answer = await client.open(request);
      const seconds = (client.clock.elapsed() - startedAt) / 1000;
      const server = answer.ok ? answer.value.server : asked;
      listener({
        method: request.method,
        host: hostOf(server),
        code: codeOf(request.method, answer),
        seconds,
      });
      return answer;
    },
    demote: (server) => client.demote(server),
    follow: (server, onSilent) => client.follow(server, onSilent),
    close: () => client.close(),
  };
}

type Answer = Awaited<ReturnType<ApiClient['open']>>;

function codeOf(method: string, answer: Answer): string {
  if (answer.ok) return method === 'POST' ? '201' : '200';
  return answer.error.status === 0 ? '<error>' : String(answer.error.status);
}

function hostOf(server: string): string {
  return URL.canParse(server) ? new URL(server).host : server;
}
