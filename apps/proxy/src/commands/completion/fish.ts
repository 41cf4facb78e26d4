import type { Candidates, CompletedFlag, Value } from './candidates.ts';

export function fishCompletion({ commands, proxyFlags }: Candidates): string {
  const names = commands.map(({ name }) => name).join(' ');
  const withProxyFlags = commands.filter(({ takesProxyFlags }) => takesProxyFlags).map(({ name }) => name);
  const without = commands.filter(({ takesProxyFlags }) => !takesProxyFlags).map(({ name }) => name);
  const lines = commands.flatMap(({ name, summary, flags, words }) => [
    `complete -c signalbox -n __fish_is_first_token -a ${name} -d ${quote(summary)}`,
    ...flags.map((flag) => flagLine(flag, `__fish_seen_subcommand_from ${name}`)),
    ...(words.length === 0
      ? []
      : [
          `complete -c signalbox -n '__fish_seen_subcommand_from ${name}; and not __fish_seen_argument_of ${words.join(' ')}' -a ${quote(words.join(' '))}`,
        ]),
  ]);
  const proxy = `not __fish_seen_subcommand_from ${without.join(' ')}`;
  return [
    '# fish completion of signalbox: signalbox completion fish | source',
    `# Commands with the flags of the proxy: ${withProxyFlags.join(', ')}; all: ${names}`,
    'function __fish_seen_argument_of',
    '  set -l words (commandline -opc)',
    '  for word in $words[3..]; contains -- $word $argv; and return 0; end',
    '  return 1',
    'end',
    'complete -c signalbox -f',
    ...lines,
    ...proxyFlags.map((flag) => flagLine(flag, proxy)),
    '',
  ].join('\n');
}

function flagLine({ name, letter, help, value }: CompletedFlag, condition: string): string {
  const short = letter === null ? '' : ` -s ${letter}`;
  return `complete -c signalbox -n ${quote(condition)}${short} -l ${name} -d ${quote(help)}${valueOf(value)}`;
}

function valueOf(value: Value): string {
  switch (value) {
    case 'none':
      return '';
    case 'file':
      return ' -rF';
    case 'folder':
      return " -x -a '(__fish_complete_directories)'";
    case 'text':
      return ' -x';
    default:
      return ` -x -a ${quote(value.join(' '))}`;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
}
