# keyreeve: reports when who pays changes. In ~/.config/fish/config.fish: keyreeve hook fish | source
function _keyreeve_hook --on-event fish_prompt --on-variable PWD
    set -l seen $PWD
    # Compared in the shell: keyreeve runs only if the directory or a variable that decides who pays has changed.
    for name in (set --names --export | string match --regex '^(?:@VARIABLES@).*')
        set -a seen "$name=$$name"
    end
    if test "$seen" = "$_keyreeve_seen"
        return 0
    end
    set -g _keyreeve_seen "$seen"
    set -l line (@PROGRAM@ status --brief 2>/dev/null </dev/null)
    or return 0
    test -n "$line"
    or return 0
    if test "$line" != "$_keyreeve_payer"
        if string match -q 'warning:*' -- "$line"; or test -n "$_keyreeve_payer"
            printf 'keyreeve: %s\n' "$line" >&2
        end
    end
    set -g _keyreeve_payer "$line"
end
_keyreeve_hook
