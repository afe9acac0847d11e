#!/bin/sh
# Copies dumps to an S3 store and back. Needs rclone.
#
#   s3.sh upload            the one dump of $BACKUP_DIR; then removes from the store what is older than $KEEP_DAYS days
#   s3.sh download [NAME]   NAME, or the newest, to $BACKUP_DIR, checked against its checksum
#   s3.sh list
#
#   S3_URL, S3_REGION, S3_BUCKET         the store
#   S3_ACCESS_KEY_FILE, S3_SECRET_KEY_FILE
set -eu

export RCLONE_CONFIG_STORE_TYPE=s3 RCLONE_CONFIG_STORE_PROVIDER=Other RCLONE_CONFIG_STORE_FORCE_PATH_STYLE=true
export RCLONE_CONFIG_STORE_ENDPOINT="$S3_URL" RCLONE_CONFIG_STORE_REGION="$S3_REGION"
export RCLONE_CONFIG=/dev/null
RCLONE_CONFIG_STORE_ACCESS_KEY_ID=$(cat "$S3_ACCESS_KEY_FILE")
RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY=$(cat "$S3_SECRET_KEY_FILE")
export RCLONE_CONFIG_STORE_ACCESS_KEY_ID RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY
store=store:$S3_BUCKET/postgres
dumps='taskpilot-*.{dump,dump.sha256}'

newest() {
    rclone lsf --include 'taskpilot-*.dump' "$store" | LC_ALL=C sort | tail -n 1
}

case ${1-} in
    upload)
        set -- "$BACKUP_DIR"/taskpilot-*.dump
        if [ $# -ne 1 ] || [ ! -f "$1" ]; then
            echo "s3.sh: $BACKUP_DIR has no dump, or several (expected: one, the one that was just made)" >&2
            exit 1
        fi
        rclone copy --include "$dumps" "$BACKUP_DIR" "$store"
        # It counts once the store has it as it is here.
        rclone check --one-way --include "$dumps" "$BACKUP_DIR" "$store"
        rclone delete --min-age "${KEEP_DAYS}d" --include "$dumps" "$store"
        echo "in the store: $(newest)"
        ;;
    download)
        name=${2:-$(newest)}
        [ -n "$name" ] || {
            echo "s3.sh: no dump in $store" >&2
            exit 1
        }
        rclone copy --include "$name" --include "$name.sha256" "$store" "$BACKUP_DIR"
        cd "$BACKUP_DIR"
        sha256sum -c "$name.sha256"
        ;;
    list)
        rclone lsl --include 'taskpilot-*.dump' "$store"
        ;;
    *)
        echo "usage: s3.sh upload | download [NAME] | list" >&2
        exit 2
        ;;
esac
