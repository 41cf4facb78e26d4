import { succeed } from '@signalbox/core';
import type { DifferenceAnswer } from '../inspect/answers.ts';
import type { Seen } from './agreement.ts';
import { paragraphs, type ClusterAction } from './cluster-action.ts';
import { nodeNames } from './text-table.ts';

type FamilyDifference = DifferenceAnswer['families'][number];

const differs = ({ families }: DifferenceAnswer): boolean =>
  families.some(({ lines }) => lines !== null && lines.length > 0);

/** Cannot be compared: an error, or a mode that cannot. */
const unknown = ({ families }: DifferenceAnswer): boolean => families.some(({ lines }) => lines === null);

function familyText({ family, mode, lines, error }: FamilyDifference): string {
  const head = `  ${family} (${mode})`;
  if (error !== null) return `${head}: not compared: ${error.operation}: ${error.message}\n`;
  if (lines === null) return `${head}: this mode does not compare\n`;
  return lines.length === 0 ? '' : `${head}\n${lines.map((line) => `    ${line}\n`).join('')}`;
}

function nodeText({ node, value }: Seen<DifferenceAnswer>): string {
  return `Node ${node}\n${value.families.map(familyText).join('')}`;
}

export const diffAction: ClusterAction<DifferenceAnswer> = {
  ask: async (read) => {
    const answer = await read('/debug/diff', 'families');
    return answer.ok ? succeed(answer.value as DifferenceAnswer) : answer;
  },
  text: (seen) => {
    const shown = seen.filter(({ value }) => differs(value) || unknown(value));
    const equal = seen.filter((each) => !shown.includes(each)).map(({ node }) => node);
    const rest = equal.length === 0 ? '' : `No difference on ${nodeNames(equal)}\n`;
    return paragraphs(...shown.map(nodeText), rest);
  },
  summary: (seen) => ({
    different: seen.filter(({ value }) => differs(value)).map(({ node }) => node),
  }),
  // As diff(1): 2 for trouble.
  status: (seen, unanswered) => {
    if (unanswered > 0 || seen.some(({ value }) => unknown(value))) return 2;
    return seen.some(({ value }) => differs(value)) ? 1 : 0;
  },
};
