import { didYouMean, nearest } from '../flags/nearest.ts';
import type { Command } from './command.ts';

export function findCommand(name: string, commands: readonly Command[]): Command | undefined {
  return commands.find((each) => each.name === name || each.formerNames?.includes(name));
}

export function unknownCommand(name: string, commands: readonly Command[]): string {
  return `unknown command: ${JSON.stringify(name)}${didYouMean(name, namesOf(commands))}`;
}

/** A first word that is not a command, but similar to one. */
export function isMistyped(name: string, commands: readonly Command[]): boolean {
  return nearest(name, namesOf(commands)) !== undefined;
}

function namesOf(commands: readonly Command[]): readonly string[] {
  return commands.map(({ name }) => name);
}
