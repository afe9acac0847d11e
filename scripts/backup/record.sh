#!/bin/sh
# Puts on record that the dump of $BACKUP_DIR is whole and in the store. The server shows the time of the last one as
# taskpilot_backup_last_success_timestamp_seconds; after two days without one TaskPilotBackupStale fires.
#
#   POSTGRES_URL_FILE  holds postgresql://user:password@host:port/database
set -eu

set -- "$BACKUP_DIR"/taskpilot-*.dump
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=object="$(basename "$1")" --set=bytes="$(wc -c <"$1")" \
    --dbname="$(cat "$POSTGRES_URL_FILE")" <<'SQL'
insert into backups (object, bytes) values (:'object', :'bytes');
SQL
echo "on record: $(basename "$1")"
