/** `signalbox describe NAMESPACE/NAME[:PORT]`: how this node serves a Service, and why not. */
import { describeService, FAMILIES, type Result, fail, succeed } from '@signalbox/core';
import { dump } from 'js-yaml';
import type { ServiceAnswer } from '../inspect/answers.ts';
import { serviceAnswer } from '../inspect/service-answer.ts';
import { askDaemon } from './ask-daemon.ts';
import { outputFlag, type Command, type Invocation } from './command.ts';
import { describeText } from './describe-text.ts';
import { loadModel } from './load-model.ts';
import { failed, type Outcome } from './outcome.ts';

export const describeCommand: Command = {
  name: 'describe',
  summary: 'Show how this node serves a Service: frontends, every endpoint with the reason, problems',
  description:
    'Asks the proxy on this node, at its metrics address. With --kubeconfig, --master or --manifests, reads the objects itself instead: then anywhere, without what the kernel has. Rules such as S24 are described in docs/service-semantics.md.',
  arguments: [
    { name: 'SERVICE', help: 'namespace/name, or namespace/name:port with the name or number of a port.' },
  ],
  flags: [outputFlag('text', 'json', 'yaml')],
  examples: [
    { line: 'signalbox describe shop/web', what: 'of the running proxy' },
    { line: 'signalbox describe shop/web:http -o json', what: 'one port, as JSON' },
    {
      line: 'signalbox describe shop/web --kubeconfig=admin.conf --hostname-override=node-a',
      what: 'as node-a should serve it, from anywhere',
    },
  ],
  statuses: { 0: 'served', 1: 'error', 2: 'not served; the reason is printed' },
  needs: 'settings',
  run: describe,
};

interface Asked {
  readonly namespace: string;
  readonly name: string;
  /** Name or number; null: all. */
  readonly port: string | null;
}

function parseService(text: string): Asked | string {
  const match = /^([a-z0-9][-a-z0-9]*)\/([a-z0-9][-a-z0-9.]*)(?::([-a-z0-9]+))?$/.exec(text);
  const [, namespace, name, port = null] = match ?? [];
  if (namespace === undefined || name === undefined) {
    return `SERVICE: ${JSON.stringify(text)} is not namespace/name or namespace/name:port`;
  }
  return { namespace, name, port };
}

/** Flags that name a source of objects: with one of them, this command reads the objects and does not query the proxy. */
const SOURCES = ['kubeconfig', 'master', 'manifests'];

async function describe(invocation: Invocation): Promise<Outcome> {
  const { words, own, flags, terminal } = invocation;
  const asked = parseService(words[0] ?? '');
  if (typeof asked === 'string') return failed(asked);
  const readsObjects = SOURCES.some((flag) => flags.given.has(flag));
  const whole = readsObjects ? await fromObjects(invocation, asked) : await fromProxy(invocation, asked);
  if (!whole.ok) return failed(whole.error);
  const answer = asked.port === null ? whole.value : ofPort(whole.value, asked.port);
  if (typeof answer === 'string') return failed(answer);
  terminal.print(inFormat(answer, own.text('output')));
  return { status: answer.served ? 0 : 2, errors: [] };
}

async function fromObjects(
  invocation: Invocation,
  { namespace, name }: Asked,
): Promise<Result<ServiceAnswer, string>> {
  const model = await loadModel(invocation);
  if (typeof model === 'string') return fail(model);
  // The node may be another machine.
  model.setInterfaceAddresses([]);
  return succeed(
    serviceAnswer(describeService(model.tracked(`${namespace}/${name}`), FAMILIES, invocation.settings.mode)),
  );
}

function fromProxy(
  { settings }: Invocation,
  { namespace, name }: Asked,
): Promise<Result<ServiceAnswer, string>> {
  const path = `/debug/services/${namespace}/${name}`;
  return askDaemon(settings, { path, isAnswer: (value) => 'description' in value });
}

/** The description limited to one port and the Service as a whole; the reason if there is no such port. */
function ofPort({ description, failures, kernel }: ServiceAnswer, port: string): ServiceAnswer | string {
  const ports = description.ports.filter((each) => each.name === port || String(each.port) === port);
  if (ports.length === 0 && description.ports.length > 0) {
    const names = new Set(
      description.ports.map((each) => `${each.name} ${each.port}/${each.protocol}`.trim()),
    );
    const service = `${description.namespace}/${description.name}`;
    return `SERVICE: ${service} has no port ${port}; its ports: ${[...names].join(', ')}`;
  }
  const keys = new Set(ports.map(({ key }) => key));
  const problems = description.problems.filter(
    ({ servicePort }) => servicePort === null || keys.has(servicePort),
  );
  const error = problems.find(({ severity }) => severity === 'error');
  const part = {
    ...description,
    ports,
    problems,
    served: error === undefined,
    reason: error?.message ?? null,
  };
  return serviceAnswer(part, { failures, kernel: kernel?.map((each) => onlyKeys(each, keys)) ?? null });
}

type KernelAnswer = NonNullable<ServiceAnswer['kernel']>[number];

function onlyKeys(kernel: KernelAnswer, keys: ReadonlySet<string>): KernelAnswer {
  if (kernel.servicePorts === null) return kernel;
  const kept = Object.entries(kernel.servicePorts).filter(([key]) => keys.has(key));
  return { ...kernel, servicePorts: Object.fromEntries(kept) };
}

function inFormat(answer: ServiceAnswer, format: string): string {
  if (format === 'json') return `${JSON.stringify(answer, null, 2)}\n`;
  return format === 'yaml' ? dump(answer, { noRefs: true }) : describeText(answer);
}
