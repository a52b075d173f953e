# keyreeve: reports when who pays changes. In ~/.zshrc: eval "$(keyreeve hook zsh)"
_keyreeve_hook() {
    emulate -L zsh
    local line name seen=$PWD
    # Compared in the shell: keyreeve runs only if the directory or a variable that decides who pays has changed.
    for name in ${(ok)parameters[(I)(@VARIABLES@)*]}; do
        if [[ ${parameters[$name]} == *export* ]]; then
            seen+=$'\n'$name=${(P)name}
        fi
    done
    [[ $seen != "${_keyreeve_seen-}" ]] || return 0
    typeset -g _keyreeve_seen=$seen
    line=$(@PROGRAM@ status --brief 2>/dev/null </dev/null) || return 0
    [[ -n $line ]] || return 0
    if [[ $line != "${_keyreeve_payer-}" && ( $line == warning:* || -n ${_keyreeve_payer-} ) ]]; then
        print -r -- "keyreeve: $line" >&2
    fi
    typeset -g _keyreeve_payer=$line
}
zmodload zsh/parameter
autoload -Uz add-zsh-hook
add-zsh-hook precmd _keyreeve_hook
_keyreeve_hook
