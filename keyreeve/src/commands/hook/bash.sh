# keyreeve: reports when a change of directory changes who pays. In ~/.bashrc: eval "$(keyreeve hook bash)"
_keyreeve_hook() {
    local previous=$? line
    if [[ $PWD != "${_keyreeve_directory-}" ]]; then
        _keyreeve_directory=$PWD
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
