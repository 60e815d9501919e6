#!/bin/sh
# Writes the C file that holds the named files (paths below collector/web/) as the table of assets.h.
set -eu
echo '#include "collector/web/assets.h"'
number=0
rows=
for path in "$@"; do
    printf 'static const char asset%d[] = {\n' "$number"
    od -An -v -tu1 "$path" | awk '{ for (i = 1; i <= NF; i++) printf "%s,", ($i > 127 ? $i - 256 : $i); print "" }'
    printf '0};\n'
    rows="$rows	{ \"${path#collector/web/}\", asset$number, sizeof asset$number - 1 },
"
    number=$((number + 1))
done
printf 'const struct asset web_assets[] = {\n%s	{ NULL, NULL, 0 },\n};\n' "$rows"
