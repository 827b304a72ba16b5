#!/bin/sh
# Makes the secrets that docker-compose.yml mounts, in the given folder. What is there already stays:
# links in old mails must still open. The folder is yours alone; the files in it can be read by the
# users that the containers run as.
set -eu
folder=${1:-secrets}
catalog=${TOUCHBACK_CATALOG:-deploy/catalog}
umask 077
mkdir -p "$folder"

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

keep() { # NAME TEXT
    [ -e "$folder/$1" ] || printf '%s\n' "$2" >"$folder/$1"
    chmod 444 "$folder/$1"
}

channel_secrets() {
    separator='{'
    for name in $(sed -n 's/^ *secret: *\([A-Za-z0-9_-]*\).*/\1/p' "$catalog/teams.yaml" | sort -u); do
        printf '%s"%s": "whsec_%s"' "$separator" "$name" "$(head -c 32 /dev/urandom | base64 | tr -d '\n')"
        separator=', '
    done
    [ "$separator" = ', ' ] || printf '{'
    printf '}'
}

keep postgres_password "$(random)"
keep postgres_dsn "postgresql://touchback:$(cat "$folder/postgres_password")@postgres:5432/touchback"
keep link_keys "$(random)"
keep pii_keys "$(random)"
keep api_token "$(random)"
keep api_tokens "{\"$(cat "$folder/api_token")\": [\"cases:read\", \"cases:act\", \"sources:read\"]}"
keep channel_secrets "$(channel_secrets)"
# Of webhooks that come in, as the systems that send them gave them: {"name": "secret"}.
keep source_secrets "{}"
# Who signs in at the console: {"name": "what `touchback console password NAME` printed"}.
keep console_users "{}"
# Of the Slack app whose buttons act on cases; empty without one.
keep slack_signing_secret ""
keep smtp_url "smtp://mail:8025"
# Only an external Kafka with SASL or TLS reads these.
keep kafka_sasl_password ""
keep kafka_ca ""
echo "$folder: $(find "$folder" -type f | wc -l | tr -d ' ') secrets"
