#!/bin/sh
# SeaweedFS in one process, its S3 API open to one key, with the buckets that are asked for.
#
#   DATA, BUCKETS (names), SECRETS (a directory with s3-access-key and s3-secret-key)
set -eu

umask 077
cat >/tmp/s3.json <<END
{"identities": [{"name": "taskpilot",
  "credentials": [{"accessKey": "$(cat "$SECRETS/s3-access-key")", "secretKey": "$(cat "$SECRETS/s3-secret-key")"}],
  "actions": ["Admin", "Read", "List", "Tagging", "Write"]}]}
END

make_buckets() {
    for bucket in $BUCKETS; do
        until echo "s3.bucket.list" | weed shell -master=127.0.0.1:9333 2>/dev/null | grep -q "^ *${bucket}[[:space:]]"; do
            echo "s3.bucket.create -name $bucket" | weed shell -master=127.0.0.1:9333 >/dev/null 2>&1 || true
            sleep 1
        done
    done
}
make_buckets &

# Loopback for all but S3.
exec weed server -dir="$DATA" -ip=127.0.0.1 -ip.bind=127.0.0.1 -master.volumeSizeLimitMB=256 -volume.max=0 \
    -filer -s3 -s3.ip.bind=0.0.0.0 -s3.port=8333 -s3.port.iceberg=0 -s3.port.lance=0 -s3.config=/tmp/s3.json
