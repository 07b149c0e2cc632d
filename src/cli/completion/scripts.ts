/** Each script asks `BIN complete -- WORD…` for candidates, one a line, and offers files when there are none. */
export const COMPLETION_SCRIPTS: Record<string, (bin: string) => string> = {
  bash: (bin) => `\
_${bin}_complete() {
  local IFS=$'\\n'
  COMPREPLY=($(${bin} complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _${bin}_complete ${bin}
`,

  zsh: (bin) => `\
#compdef ${bin}
_${bin}() {
  local -a candidates
  candidates=(\${\${(f)"$(${bin} complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"}/$'\\t'/:})
  if (( \${#candidates} )); then _describe '${bin}' candidates; else _files; fi
}
if [ "$funcstack[1]" = "_${bin}" ]; then _${bin} "$@"; else compdef _${bin} ${bin}; fi
`,

  fish: (bin) => `\
function __${bin}_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l candidates (${bin} complete -- $words[2..-1] 2>/dev/null)
  if test (count $candidates) -gt 0
    printf '%s\\n' $candidates
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c ${bin} -f -a '(__${bin}_complete)'
`,
};
