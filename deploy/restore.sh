#!/bin/sh
# Lays the newest base of deploy/backup.sh into DATA, a folder that is empty or not there yet, so that
# the PostgreSQL which is started on it first takes up every commit that was followed:
#   restore.sh FOLDER DATA      then, as the user that owns DATA: postgres -D DATA
set -eu
folder=${1:?the folder of backup.sh} data=${2:?the data folder to make}
folder=$(cd "$folder" && pwd)
base=
for each in "$folder"/base-*Z; do base=$each; done
if [ ! -d "$base" ]; then
    echo "restore.sh: no base in $folder" >&2
    exit 1
fi
if [ -e "$data" ] && [ -n "$(ls -A "$data")" ]; then
    echo "restore.sh: $data is there already; what is in it would be gone" >&2
    exit 1
fi
mkdir -p "$data"
cp -a "$base/." "$data"
# The last piece is not full yet, and has another name.
cat >>"$data/postgresql.auto.conf" <<CONF
restore_command = 'cp "$folder/wal/%f" "%p" 2>/dev/null || cp "$folder/wal/%f.partial" "%p"'
recovery_target_timeline = 'latest'
synchronous_standby_names = ''
CONF
touch "$data/recovery.signal"
chmod 700 "$data"
echo "$data from $base"
