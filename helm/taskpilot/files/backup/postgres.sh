#!/bin/sh
# Where the database is, for the scripts beside it: sets $url, without its password, which goes to PostgreSQL's tools as
# PGPASSWORD. Arguments are seen by whoever lists processes.
#
#   POSTGRES_URL_FILE  holds postgresql://user:password@host:port/database, percent-encoded

# $1 with what each %XX stands for.
decoded() {
    rest=$1
    text=
    while [ "$rest" != "${rest#*%}" ]; do
        text=$text${rest%%\%*}
        rest=${rest#*%}
        octal=$(printf '%03o' "0x${rest%"${rest#??}"}")
        # shellcheck disable=SC2059 # no shell's printf but this way has bytes by their number
        text=$text$(printf "\\$octal")
        rest=${rest#??}
    done
    printf '%s' "$text$rest"
}

url=$(cat "$POSTGRES_URL_FILE")
rest=${url#*://}
authority=${rest%%[/?]*}
case $authority in
    *:*@*)
        login=${authority%@*}
        PGPASSWORD=$(decoded "${login#*:}")
        export PGPASSWORD
        url=${url%%://*}://${login%%:*}${rest#"$login"}
        ;;
esac
