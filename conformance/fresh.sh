#!/bin/sh
# The promise of the README's two commands, on a machine that has Node, git and nothing else: builds a bare Debian
# tree, clones this repository's HEAD into it and runs `npm start` and `npm test` there, saying how long each took.
#
#   conformance/fresh.sh [root|user|private]…     default: root
#
#   root     as root, in root's closed home: TAP answers, the demo fills, Ctrl-C, a second start, then npm test
#   user     as a user without rights: told one command, which root runs; then as above, without npm test
#   private  as root in a folder only root may enter, as `mktemp -d` makes them; without npm test
#
# SUITE (bookworm) also takes trixie. Needs root, mmdebstrap or debootstrap, and what this machine has in /etc/apt,
# npm's configuration and /etc/ssl to reach the package registries, all of which is copied into the tree only.
set -eu

SUITE=${SUITE:-bookworm}
# The tree shares this machine's ports.
PORT=$(node -e 's = net.createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
repo=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$work"

seconds() { date +%s; }

# What this machine's apt knows, for the suite of the tree. $1: the tree's /etc/apt.
copy_apt() {
  mkdir -p "$1"
  cp -a /etc/apt/. "$1"/
  host=$(. /etc/os-release && echo "$VERSION_CODENAME")
  find "$1" \( -name '*.list' -o -name '*.sources' \) -exec sed -i "s/\\b$host\\b/$SUITE/g" {} +
}

build_tree() {
  tree=$1
  copy_apt "$work/apt"
  if command -v mmdebstrap >/dev/null; then
    apt-config dump Acquire >"$work/acquire.conf"
    find "$work/apt" \( -name '*.list' -o -name '*.sources' \) -exec cat {} + -exec echo \; >"$work/sources"
    mmdebstrap --quiet --variant=minbase --include=ca-certificates,git --aptopt="$work/acquire.conf" \
      --setup-hook='mkdir -p "$1/etc/apt/auth.conf.d"' \
      --setup-hook='cp -a /etc/apt/auth.conf.d/. "$1/etc/apt/auth.conf.d/"' "$SUITE" "$tree" "$work/sources"
  else
    mirror=$(grep -rhoE 'https?://[^ ]+' "$work/apt" --include='*.list' --include='*.sources' | head -n 1)
    debootstrap --variant=minbase --include=ca-certificates,git "$SUITE" "$tree" "$mirror" >/dev/null
  fi
  copy_apt "$tree/etc/apt"
  cp -L /etc/resolv.conf /etc/hosts "$tree/etc/"
  # Node and npm as they are here: the distribution's own may be too old.
  node=$(readlink -f "$(command -v node)")
  npm=$(npm root -g)/npm
  cp "$node" "$tree/usr/bin/node"
  ldd "$node" | grep -oE '/[^ ]+' | while read -r library; do
    [ -e "$tree$library" ] || cp -L --parents "$library" "$tree"
  done
  mkdir -p "$tree/usr/lib/node_modules" "$tree/usr/etc"
  cp -a "$npm" "$tree/usr/lib/node_modules/"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$tree/usr/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$tree/usr/bin/npx"
  global=$(npm config get globalconfig)
  user=$(npm config get userconfig)
  [ ! -f "$global" ] || cp "$global" "$tree/usr/etc/npmrc"
  [ ! -f "$user" ] || cat "$user" >>"$tree/usr/etc/npmrc"
  cp -a /usr/local/share/ca-certificates/. "$tree/usr/local/share/ca-certificates/" 2>/dev/null || true
  chroot "$tree" update-ca-certificates >/dev/null 2>&1 || true
}

# Runs the tree's /tmp/script with /proc and /dev, in namespaces that end with it, with all its processes and mounts.
# $1: the tree.
inside() {
  unshare --mount --pid --fork --kill-child sh -c '
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    exec chroot "$1" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt PORT="$2" /bin/sh -eu /tmp/script
  ' sh "$1" "$PORT"
}

# Functions of the scripts that run inside.
inner='
say() { echo "fresh: $*"; }
# A TAP query as CSV on standard output; fails while there is no answer.
tap() {
  node -e "fetch(\"http://127.0.0.1:$PORT/tap/sync\", { method: \"POST\", body: new URLSearchParams(
    { LANG: \"ADQL\", FORMAT: \"csv\", QUERY: process.argv[1] }) }).then(async r => {
      if (!r.ok) process.exit(1); process.stdout.write(await r.text()) }, () => process.exit(1))" "$1"
}
# Waits until a command succeeds, while `npm start` runs. $1: seconds; then the command.
wait_for() {
  limit=$(($(date +%s) + $1)); shift
  until "$@" >/tmp/answer 2>/dev/null; do
    kill -0 "$start" 2>/dev/null || { cat /tmp/start.log; say "npm start ended"; exit 1; }
    [ "$(date +%s)" -lt "$limit" ] || { cat /tmp/start.log; say "no answer in time: $*"; exit 1; }
    sleep 0.5
  done
}
# The last table to be filled has all its rows.
filled() { tap "SELECT COUNT(*) AS n FROM demo.forcedsource" >/tmp/rows && [ "$(tail -n 1 /tmp/rows | tr -d "\r")" -ge 2800000 ]; }
# Starts in a session of its own, so that Ctrl-C can be sent as a terminal does, to the whole group. $1: a word for it.
run_start() {
  began=$(date +%s)
  setsid $as npm start >/tmp/start.log 2>&1 </dev/null & start=$!
  wait_for 600 tap "SELECT TOP 1 table_name FROM tap_schema.tables"
  say "$1: TAP answers after $(($(date +%s) - began)) s"
  wait_for 900 filled
  say "$1: the demo is filled ($(tail -n 1 /tmp/rows | tr -d "\r") detections) after $(($(date +%s) - began)) s"
}
stop_start() {
  kill -INT "-$start"
  wait "$start" && status=0 || status=$?
  for pid in $(ls /proc | grep -E "^[0-9]+$"); do
    case $({ tr "\\0" " " </proc/$pid/cmdline; } 2>/dev/null) in
      */bin/postgres*) say "PostgreSQL still runs after Ctrl-C"; exit 1 ;;
    esac
  done
  say "Ctrl-C: ended with status $status, PostgreSQL is down"
}
as=
'

for case in "${@:-root}"; do
  tree=$work/$case
  began=$(seconds)
  build_tree "$tree"
  echo "fresh: a bare $SUITE tree in $(($(seconds) - began)) s"
  case $case in
    root | user) place=/root/almagest ;;
    private) place=/tmp/$(basename "$(mktemp -u)") ;;
    *) echo "fresh: no case $case (root, user, private)" && exit 2 ;;
  esac
  if [ "$case" = user ]; then
    place=/home/astronomer/almagest
    chroot "$tree" useradd --create-home astronomer
  fi
  [ "$case" != private ] || install -d -m 700 "$tree$place"
  git clone --quiet "$repo" "$tree$place/clone"
  [ "$case" != user ] || chroot "$tree" chown -R astronomer: "$place"
  {
    echo "$inner"
    echo "cd $place/clone"
    if [ "$case" = user ]; then
      cat <<'INNER'
as="setpriv --reuid=astronomer --regid=astronomer --init-groups env HOME=/home/astronomer"
$as npm start >/tmp/told 2>&1 && { say "a user without rights was not told what to install"; exit 1; }
grep '^sudo ' /tmp/told | sed 's/^sudo //' >/tmp/command
[ "$(wc -l </tmp/command)" = 1 ] || { cat /tmp/told; say "not one command"; exit 1; }
began=$(date +%s)
sh /tmp/command >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }
say "the command that a user is told took $(($(date +%s) - began)) s"
INNER
    fi
    cat <<'INNER'
run_start "first start"
cat /tmp/start.log
stop_start
run_start "second start"
stop_start
INNER
    if [ "$case" = root ]; then
      cat <<'INNER'
began=$(date +%s)
CI=true npm test && status=0 || status=$?
stilts -version >/dev/null && /usr/bin/python3 -c "import pyvo, astropy, healpy" && xmllint --version 2>/dev/null ||
  say "a test client does not run"
say "npm test ended with status $status after $(($(date +%s) - began)) s"
exit $status
INNER
    fi
  } >"$tree/tmp/script"
  inside "$tree" </dev/null
  rm -rf --one-file-system "$tree"
done
