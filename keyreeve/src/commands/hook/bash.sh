# keyreeve: reports when who pays changes. In ~/.bashrc: eval "$(keyreeve hook bash)"
_keyreeve_hook() {
    local previous=$? line name seen=$PWD
    # Compared in the shell: keyreeve runs only if the directory or a variable that decides who pays has changed.
    for name in @VARIABLES@; do
        if ((BASH_VERSINFO[0] < 5)) || [[ ${!name@a} == *x* ]]; then
            seen+=$'\n'$name=${!name-}
        fi
    done
    if [[ $seen != "${_keyreeve_seen-}" ]]; then
        _keyreeve_seen=$seen
        if line=$(@PROGRAM@ status --brief 2>/dev/null </dev/null) && [[ -n $line ]]; then
            if [[ $line != "${_keyreeve_payer-}" ]] && [[ $line == warning:* || -n ${_keyreeve_payer-} ]]; then
                printf 'keyreeve: %s\n' "$line" >&2
            fi
            _keyreeve_payer=$line
        fi
    fi
    return "$previous"
}
if [[ ";${PROMPT_COMMAND[*]-};" != *_keyreeve_hook* ]]; then
    if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == "declare -a"* ]]; then
        PROMPT_COMMAND=(_keyreeve_hook "${PROMPT_COMMAND[@]}")
    else
        PROMPT_COMMAND="_keyreeve_hook${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
    fi
fi
