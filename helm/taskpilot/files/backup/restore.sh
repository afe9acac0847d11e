#!/bin/sh
# Restores the one dump of $BACKUP_DIR into an empty database: all of it, or nothing. Needs pg_restore and psql.
# Afterwards `taskpilot migrate --restored`, before any server starts.
#
#   POSTGRES_URL_FILE  holds postgresql://user:password@host:port/database
set -eu

# shellcheck source=scripts/backup/postgres.sh
. "$(dirname "$0")/postgres.sh"
set -- "$BACKUP_DIR"/taskpilot-*.dump
if [ $# -ne 1 ] || [ ! -f "$1" ]; then
    echo "restore.sh: $BACKUP_DIR has no dump, or several (expected: one)" >&2
    exit 1
fi

tables=$(psql --no-psqlrc --tuples-only --no-align --dbname="$url" \
    --command="select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')")
[ "$tables" -eq 0 ] || {
    echo "restore.sh: the database has $tables tables (expected: an empty one; create one beside it and put its name into postgres-url)" >&2
    exit 1
}
pg_restore --no-owner --no-privileges --exit-on-error --single-transaction --dbname="$url" "$1"
echo "restored $(basename "$1")"
