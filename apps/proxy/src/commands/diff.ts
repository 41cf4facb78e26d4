/** `signalbox diff`: the differences between the rules in the kernel and the desired state of the running proxy. */
import type { DifferenceAnswer } from '../inspect/answers.ts';
import { askDaemon } from './ask-daemon.ts';
import { outputFlag, type Command, type Invocation } from './command.ts';
import type { Outcome } from './outcome.ts';

export const diffCommand: Command = {
  name: 'diff',
  summary: 'Compare the rules in the kernel with those of the running proxy; writes nothing',
  description:
    'Asks the proxy on this node, at its metrics address. Lines are in the syntax of the tool that lists the rules, below a header for each object: "-" is only in the kernel, "+" is missing there. The proxy repairs differences at its next comparison.',
  arguments: [],
  flags: [outputFlag('text', 'json')],
  examples: [
    { line: 'signalbox diff', what: 'rules that another process changed' },
    {
      line: 'signalbox diff --config=/var/lib/kube-proxy/config.conf -o json',
      what: 'with the proxy’s file',
    },
  ],
  statuses: { 0: 'no difference', 1: 'different', 2: 'error' },
  needs: 'settings',
  run: printDifference,
};

type FamilyDifference = DifferenceAnswer['families'][number];

async function printDifference({ settings, own, terminal }: Invocation): Promise<Outcome> {
  const isAnswer = (value: object): boolean => 'families' in value && Array.isArray(value.families);
  const answer = await askDaemon<DifferenceAnswer>(settings, { path: '/debug/diff', isAnswer });
  if (!answer.ok) return trouble(answer.error);
  const { families } = answer.value;
  const isJson = own.text('output') === 'json';
  terminal.print(isJson ? `${JSON.stringify(answer.value, null, 2)}\n` : families.map(textOf).join(''));
  const errors = families.flatMap(problemOf);
  if (errors.length > 0) return trouble(...errors);
  const isDifferent = families.some(({ lines }) => lines !== null && lines.length > 0);
  return { status: isDifferent ? 1 : 0, errors: [] };
}

function trouble(...errors: readonly string[]): Outcome {
  return { status: 2, errors };
}

function textOf({ family, mode, lines }: FamilyDifference): string {
  if (lines === null || lines.length === 0) return '';
  return [`--- ${family} ${mode}: kernel`, `+++ ${family} ${mode}: desired`, ...lines, ''].join('\n');
}

function problemOf({ family, mode, lines, error }: FamilyDifference): readonly string[] {
  if (error !== null) return [`${family}: ${error.operation}: ${error.message}`];
  return lines === null ? [`${family}: mode ${mode} cannot compare the rules`] : [];
}
