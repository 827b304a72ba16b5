#!/bin/sh
# Keeps PostgreSQL so that it can be had again as it was at its last commit: deploy/restore.sh.
#   backup.sh wal DSN FOLDER    follows every commit until it is stopped: run it always, as a service
#   backup.sh base DSN FOLDER   copies all of it while everything runs: daily
#   backup.sh check DSN         fails unless every commit is followed just now
# DSN is of a role with REPLICATION. With synchronous_standby_names = 'touchback_backup' no commit is
# told to anybody before it stands in FOLDER too: nothing can be lost, and nothing is sent twice.
# Without them, DSN and FOLDER are those of the service `backup` of docker-compose.yml.
set -eu
what=${1:?wal, base or check}
dsn=${2:-${DSN:?the DSN of a role with REPLICATION}}
folder=${3:-${PGDATA:-}}
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
umask 077

case $what in
wal)
    mkdir -p "${folder:?a folder}/wal"
    export PGAPPNAME=touchback_backup
    pg_receivewal --dbname "$dsn" --slot touchback_backup --create-slot --if-not-exists
    exec pg_receivewal --dbname "$dsn" --slot touchback_backup --directory "$folder/wal" --synchronous
    ;;
base)
    made=${folder:?a folder}/base-$(date -u +%Y%m%dT%H%M%SZ)
    pg_basebackup --dbname "$dsn" --pgdata "$made.part" --wal-method=none --checkpoint=fast
    pg_verifybackup --no-parse-wal "$made.part" >/dev/null
    mv "$made.part" "$made"
    echo "$made"
    ;;
check)
    followed="select active from pg_replication_slots where slot_name = 'touchback_backup'"
    if [ "$(psql --no-psqlrc --tuples-only --no-align --dbname "$dsn" --command "$followed")" != t ]; then
        echo "backup.sh: nothing follows the commits" >&2
        exit 1
    fi
    ;;
*)
    echo "backup.sh: wal, base or check, not $what" >&2
    exit 2
    ;;
esac
