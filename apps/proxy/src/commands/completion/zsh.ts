import type { Candidates, CompletedCommand, CompletedFlag, Value } from './candidates.ts';

export function zshCompletion({ commands, proxyFlags }: Candidates): string {
  const list = commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join('\n');
  const rows = commands.map((command) => `    ${command.name}) ${argumentsOf(command)} ;;`).join('\n');
  return `#compdef signalbox
# zsh completion of signalbox: a file _signalbox in a folder of $fpath, or source <(signalbox completion zsh)
_signalbox() {
  local -a commands proxy_flags
  commands=(
${list}
  )
  proxy_flags=(
${proxyFlags.flatMap(specsOf).map(indent).join('\n')}
  )
  if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then
    _describe -t commands command commands
    return
  fi
  local command=\${words[2]}
  if [[ $command != -* ]]; then
    shift words
    (( CURRENT-- ))
  fi
  case $command in
${rows}
    *) _arguments -s -S $proxy_flags ;;
  esac
}
if [[ $funcstack[1] == _signalbox ]]; then _signalbox "$@"; else compdef _signalbox signalbox; fi
`;
}

function argumentsOf({ flags, takesProxyFlags, words }: CompletedCommand): string {
  const parts = [
    ...flags.flatMap(specsOf),
    ...(takesProxyFlags ? ['$proxy_flags'] : []),
    quote(words.length === 0 ? '*: :' : `1: :(${words.join(' ')})`),
  ];
  return `_arguments -s -S ${parts.join(' ')}`;
}

function indent(line: string): string {
  return `    ${line}`;
}

/** `--flag=value` and `--flag value`; `-l value`. */
function specsOf({ name, letter, help, value }: CompletedFlag): readonly string[] {
  const text = `[${help.replaceAll(/[[\]\\]/g, String.raw`\$&`)}]`;
  const action = actionOf(value);
  const long = quote(`--${name}${action === '' ? '' : '='}${text}${action}`);
  return letter === null ? [long] : [long, quote(`-${letter}${action === '' ? '' : '+'}${text}${action}`)];
}

function actionOf(value: Value): string {
  switch (value) {
    case 'none':
      return '';
    case 'file':
      return ':file:_files';
    case 'folder':
      return ':folder:_files -/';
    case 'text':
      return ':value: ';
    default:
      return `:value:(${value.join(' ')})`;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
