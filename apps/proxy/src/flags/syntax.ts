/** What a command takes on its command line, beside the flags of the proxy. */
import type { Flag } from './flags.ts';

export interface Argument {
  /** In capitals, as in `Usage`. */
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  /** The only words that it may be. */
  readonly choices?: readonly string[];
}

/** A flag that only one command has. */
export interface OwnFlag extends Pick<Flag, 'name' | 'kind' | 'help' | 'choices'> {
  /** One letter. */
  readonly short?: string;
  /** What applies where it is not given; absent: what is empty of its kind. */
  readonly initial?: string;
  /** What stands for the value in help. */
  readonly placeholder?: string;
}

export interface Syntax {
  /** `signalbox explain` */
  readonly program: string;
  readonly arguments: readonly Argument[];
  readonly flags: readonly OwnFlag[];
  /** Also the flags of the proxy; `--help` is always one. */
  readonly takesProxyFlags: boolean;
}

/** `FROM TO`, `[COMMAND]`, `bash|zsh|fish`. */
function showArguments({ arguments: args }: Pick<Syntax, 'arguments'>): string {
  return args
    .map(({ name, choices, optional }) => {
      const shown = choices?.join('|') ?? name;
      return optional === true ? `[${shown}]` : shown;
    })
    .join(' ');
}

/** Without what stands before it in a line of help or an error. */
export function showUsage(syntax: Syntax): string {
  return [syntax.program, showArguments(syntax), '[flags]'].filter((part) => part !== '').join(' ');
}
