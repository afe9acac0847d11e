#!/bin/sh
# Puts on record that the one dump of $BACKUP_DIR is whole and in the store. The server shows the time of the last one as
# taskpilot_backup_last_success_timestamp_seconds; when that is 26 hours ago TaskPilotBackupStale fires.
#
#   POSTGRES_URL_FILE  holds postgresql://user:password@host:port/database
set -eu

# shellcheck source=scripts/backup/postgres.sh
. "$(dirname "$0")/postgres.sh"
set -- "$BACKUP_DIR"/taskpilot-*.dump
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
    echo "record.sh: $BACKUP_DIR has no dump, or several (expected: one, the one that was just made)" >&2
    exit 1
fi
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=object="$(basename "$1")" --set=bytes="$(wc -c <"$1")" \
    --dbname="$url" <<'SQL'
insert into backups (object, bytes) values (:'object', :'bytes');
SQL
echo "on record: $(basename "$1")"
