/** `signalbox status`: whether the proxy on this node is ready, and its problems. */
import { parseDuration, pause, type Result } from '@signalbox/core';
import type { StatusAnswer } from '../inspect/answers.ts';
import { askDaemon } from './ask-daemon.ts';
import { outputFlag, type Command, type Invocation } from './command.ts';
import { failed, type Outcome } from './outcome.ts';
import { textFields } from './text-table.ts';

export const statusCommand: Command = {
  name: 'status',
  summary: 'Show whether the proxy on this node is ready, and what is wrong with it',
  description: 'Asks the proxy on this node, at its metrics address.',
  arguments: [],
  flags: [
    { name: 'wait', kind: 'bool', help: 'Wait until the proxy is ready, for at most --timeout.' },
    {
      name: 'timeout',
      kind: 'string',
      initial: '5m',
      help: 'The longest time for --wait, such as 30s or 5m.',
    },
    outputFlag('text', 'json'),
  ],
  examples: [
    { line: 'signalbox status', what: 'of the running proxy' },
    { line: 'signalbox status --wait --timeout=60s', what: 'after an update, in a script' },
  ],
  statuses: { 0: 'ready', 1: 'error: no answer', 2: 'degraded, or not ready yet' },
  needs: 'settings',
  run: printStatus,
};

/** Milliseconds between two requests, and the time limit of a request. */
const INTERVAL = 500;
const ANSWER_LIMIT = 10_000;

async function printStatus(invocation: Invocation): Promise<Outcome> {
  const { own, terminal } = invocation;
  const timeout = parseDuration(own.text('timeout'));
  if (timeout === null || timeout < 0) {
    return failed(`--timeout: ${own.text('timeout')} is not a duration such as 30s or 5m`);
  }
  const answer = await (own.is('wait') ? whenReady(invocation, timeout) : ask(invocation));
  if (!answer.ok) return failed(answer.error);
  const isJson = own.text('output') === 'json';
  terminal.print(isJson ? `${JSON.stringify(answer.value, null, 2)}\n` : statusText(answer.value));
  return { status: answer.value.state === 'ready' ? 0 : 2, errors: [] };
}

function ask({ settings }: Invocation): Promise<Result<StatusAnswer, string>> {
  const isAnswer = (value: object): boolean => 'waitingFor' in value;
  return askDaemon(settings, { path: '/debug/status', isAnswer, timeLimit: ANSWER_LIMIT });
}

/** The last answer when the time is over. Also waits for a proxy that does not listen yet. */
async function whenReady(invocation: Invocation, timeout: number): Promise<Result<StatusAnswer, string>> {
  const { clock } = invocation.composition;
  const end = clock.now() + timeout;
  let answer = await ask(invocation);
  while ((!answer.ok || answer.value.state !== 'ready') && clock.now() < end) {
    await pause(clock, INTERVAL);
    answer = await ask(invocation);
  }
  return answer;
}

function familyText({
  family,
  healthy,
  verified,
  servicePorts,
  endpoints,
  nodePortAddresses,
  lastSync,
  repaired,
}: StatusAnswer['families'][number]): string {
  const { missing, altered, stale } = repaired;
  return `\n${family}\n${textFields([
    ['  Healthy', healthy ? 'yes' : 'no'],
    ['  Verified in the kernel', verified ? 'yes' : 'not yet'],
    ['  Service ports', `${servicePorts}, endpoints ${endpoints}`],
    ['  Node ports at', nodePortAddresses.join(', ')],
    [
      '  Last sync',
      lastSync === null
        ? 'none'
        : `${lastSync.time}, ${lastSync.milliseconds} ms, ${lastSync.outcome} (${lastSync.reason})`,
    ],
    ['  Repaired objects', `${missing} missing, ${altered} altered, ${stale} stale`],
  ])}`;
}

function apiText(api: StatusAnswer['api']): string {
  if (api === null) return 'none: objects are read from --manifests';
  const ages = api.resources.flatMap(({ ageSeconds }) => ageSeconds ?? []);
  const age =
    ages.length === 0 ? 'no contact yet' : `last contact of each watch within ${Math.max(...ages)} s`;
  return `${api.connected ? 'connected' : 'not connected'}, ${age}`;
}

function statusText({ services, ...status }: StatusAnswer): string {
  const fields = textFields([
    ['Node', status.node],
    ['Version', status.version],
    ['Mode', status.mode],
    ['State', status.state],
    ['Waiting for', status.waitingFor.join(', ')],
    ['Problems', status.problems.join('; ')],
    [
      'Services',
      `${services.total}, programmed ${services.programmed}, refused ${services.refused}, without endpoints ${services.withoutEndpoints}, conflicting ${services.conflicting}`,
    ],
    ['API server', apiText(status.api)],
  ]);
  return fields + status.families.map(familyText).join('');
}
