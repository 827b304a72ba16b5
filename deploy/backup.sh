#!/bin/sh
# Keeps PostgreSQL so that it can be had again as it was at its last commit: deploy/restore.sh.
#   backup.sh wal DSN FOLDER    follows every commit until it is stopped: run it always, as a service
#   backup.sh base DSN FOLDER   copies all of it while everything runs: daily
# DSN is of a role with REPLICATION. With synchronous_standby_names = 'touchback_backup' no commit is
# told to anybody before it stands in FOLDER too: nothing can be lost, and nothing is sent twice.
set -eu
what=${1:?wal or base} dsn=${2:?the DSN of a role with REPLICATION} folder=${3:?a folder}
umask 077
mkdir -p "$folder/wal"

case $what in
wal)
    export PGAPPNAME=touchback_backup
    pg_receivewal --dbname "$dsn" --slot touchback_backup --create-slot --if-not-exists
    exec pg_receivewal --dbname "$dsn" --slot touchback_backup --directory "$folder/wal" --synchronous
    ;;
base)
    made=$folder/base-$(date -u +%Y%m%dT%H%M%SZ)
    pg_basebackup --dbname "$dsn" --pgdata "$made.part" --wal-method=none --checkpoint=fast
    pg_verifybackup --no-parse-wal "$made.part" >/dev/null
    mv "$made.part" "$made"
    echo "$made"
    ;;
*)
    echo "backup.sh: wal or base, not $what" >&2
    exit 2
    ;;
esac
