#!/bin/sh
# Dumps the database to $BACKUP_DIR, as one file that pg_restore reads. Needs pg_dump, not older than the server.
#
#   POSTGRES_URL_FILE  holds postgresql://user:password@host:port/database
#   BACKUP_DIR         where taskpilot-<time>.dump goes, with its checksum beside it
set -eu

# shellcheck source=scripts/backup/postgres.sh
. "$(dirname "$0")/postgres.sh"
name=taskpilot-$(date -u +%Y%m%dT%H%M%SZ).dump

# A snapshot: runs go on meanwhile, and the dump has all of one moment or nothing.
pg_dump --format=custom --no-owner --no-privileges --lock-wait-timeout=60s --file="$BACKUP_DIR/$name.part" --dbname="$url"
# One that has no end has no list of contents either.
pg_restore --list "$BACKUP_DIR/$name.part" >/dev/null
mv "$BACKUP_DIR/$name.part" "$BACKUP_DIR/$name"
cd "$BACKUP_DIR"
sha256sum "$name" >"$name.sha256"
echo "dumped $name, $(wc -c <"$name") bytes"
