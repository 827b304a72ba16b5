#!/bin/bash
# KAFKA_NODE_ID=1 in the environment is node.id=1 in the properties; the storage is formatted once.
set -euo pipefail
properties=/opt/kafka/config/server.properties
env | sed -n 's/^KAFKA_\([A-Z0-9_]*\)=\(.*\)$/\1 \2/p' | while read -r name value; do
    [ "$name" = HEAP_OPTS ] || printf '%s=%s\n' "$(tr 'A-Z_' 'a-z.' <<<"$name")" "$value"
done >"$properties"
# shellcheck disable=SC2086 # options are words
java=(java ${KAFKA_HEAP_OPTS:-} -Xlog:gc:file=/opt/kafka/logs/gc.log -cp "/opt/kafka/libs/*")
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted --cluster-id=5L6g3nShT-eMCtK--X86sw --config "$properties"
exec "${java[@]}" kafka.Kafka "$properties"
