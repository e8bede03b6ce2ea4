#!/bin/sh
# symbols.sh NM ELF: assembler source of the table that src/symbols.c reads, from the functions of ELF.
set -e
start=$("$1" "$2" | awk '$3 == "text_start" { print $1 }')
"$1" -n --defined-only "$2" | awk -v start="$start" '
    # The low 32 bits are enough: the text is smaller than 4 GiB. awk counts exactly up to 2^53.
    function low(hex,   i, value) {
        value = 0
        for (i = 9; i <= 16; i++) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
        return value
    }
    BEGIN { base = low(start); n = 0 }
    $1 < start || $3 ~ /^(text_start|text_end|image_start)$/ || $3 ~ /^[.$]/ || $2 !~ /^[tTwW]$/ || $1 == last { next }
    { last = $1; at[n] = low($1) - base; name[n++] = $3 }
    END {
        print "    .section .symbols, \"a\"\n    .balign 4\n    .long " n + 0
        for (i = 0; i < n; i++) print "    .long " at[i]
        for (i = 0; i < n; i++) { print "    .long " offset + 0; offset += length(name[i]) + 1 }
        for (i = 0; i < n; i++) print "    .asciz \"" name[i] "\""
    }'
