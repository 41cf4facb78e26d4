import type { Candidates, CompletedFlag, Value } from './candidates.ts';

/** bash splits `--flag=value` at the `=`: the flag is then two words before the word that is completed. */
export function bashCompletion({ commands, proxyFlags }: Candidates): string {
  const rows = commands.map(({ name, flags, takesProxyFlags, words }) => {
    const all = [...shown(flags), ...(takesProxyFlags ? ['$proxy_flags'] : [])];
    return `    ${name}) flags="${all.join(' ')}" arguments="${words.join(' ')}" ;;`;
  });
  const own = commands.flatMap(({ name, flags }) => flags.flatMap((flag) => valueRow(flag, name)));
  return `# bash completion of signalbox: source <(signalbox completion bash)
_signalbox() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" flag="\${COMP_WORDS[COMP_CWORD-1]}" command="" flags arguments=""
  local proxy_flags="${shown(proxyFlags).join(' ')}"
  COMPREPLY=()
  if [[ $cur == = ]]; then cur=""; elif [[ $flag == = ]]; then flag="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  if (( COMP_CWORD > 1 )) && [[ \${COMP_WORDS[1]} != -* ]]; then command="\${COMP_WORDS[1]}"; fi
  case "$command" in
${rows.join('\n')}
    *) flags="$proxy_flags" ;;
  esac
  if (( COMP_CWORD == 1 )); then arguments="${commands.map(({ name }) => name).join(' ')}"; fi
  case "$command $flag" in
${[...own, ...proxyFlags.flatMap((flag) => valueRow(flag, '*'))].join('\n')}
  esac
  if [[ $cur == -* ]]; then arguments="$flags"; fi
  COMPREPLY=($(compgen -W "$arguments" -- "$cur"))
}
complete -o bashdefault -F _signalbox signalbox
`;
}

function shown(flags: readonly CompletedFlag[]): readonly string[] {
  return flags.map(({ name }) => `--${name}`);
}

/** A branch for the value of this flag of this command. */
function valueRow({ name, letter, value }: CompletedFlag, command: string): readonly string[] {
  if (value === 'none') return [];
  const patterns = [`--${name}`, ...(letter === null ? [] : [`-${letter}`])].map((each) =>
    command === '*' ? `*" ${each}"` : `"${command} ${each}"`,
  );
  return [`    ${patterns.join('|')}) ${reply(value)}; return ;;`];
}

function reply(value: Exclude<Value, 'none'>): string {
  switch (value) {
    case 'file':
      return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur"))';
    case 'folder':
      return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur"))';
    case 'text':
      return ':';
    default:
      return `COMPREPLY=($(compgen -W "${value.join(' ')}" -- "$cur"))`;
  }
}
