#!/usr/bin/env bash
# Makes the secret files that compose.yaml reads. A file that is already there is kept: losing an encryption key means
# losing what was sealed with it.
set -euo pipefail
cd "$(dirname "$0")/secrets"

keep_or_make() {
  if [[ -s $1 ]]; then
    echo "kept     deploy/secrets/$1"
  else
    cat > "$1"
    echo "made     deploy/secrets/$1"
  fi
}

random_hex() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

random_hex | keep_or_make database-password
printf 'postgres://dvcqg:%s@postgres:5432/dvcqg\n' "$(cat database-password)" | keep_or_make database-url
printf 'k%s:%s\n' "$(date +%Y%m%d)" "$(head -c 32 /dev/urandom | base64 | tr -d '\n')" | keep_or_make encryption-keys
random_hex | keep_or_make metrics-token
# The password of the province's account at the portal comes from the portal; this one is the sandbox's.
printf 'sandbox\n' | keep_or_make portal-password

# The programs in the containers run under other accounts, so the files are readable by all and the folder is not.
chmod 644 database-password database-url encryption-keys metrics-token portal-password
chmod 700 .
echo 'Keep a copy of encryption-keys in a safe place that is not the database backup.'
