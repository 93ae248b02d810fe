#!/bin/sh
# Builds .venv from requirements.lock; quick where that is done already.
#   sh setup.sh        the environment, with genrewatch itself in it
#   sh setup.sh uv     only uv, and print where it is
#   sh setup.sh lock   resolve pyproject.toml anew into the two lock files
# Needs a Python 3.12 somewhere (or a network that lets uv fetch one) and nothing else.
set -eu
cd "$(dirname "$0")"
unset PYTHONHOME PYTHONPATH VIRTUAL_ENV

VENV=.venv
STAMP=$VENV/.ready
BACKBONE=$VENV/share/genrewatch/backbone # where core/registry.py looks for it
UV_BOUNDS='uv>=0.8,<1'

say() { printf 'setup: %s\n' "$*" >&2; }

# what the environment was built from, and where: a moved checkout has to be set up anew
wanted_stamp() {
    pwd -P
    cksum requirements.lock pyproject.toml setup.sh core/learning/backbone.py
}

# a shim or a stale link may exist and yet not run, so each candidate has to answer;
# on a Mac a translated x86-64 Python finds no TensorFlow, so only arm64 counts there
answers() {
    [ -n "$1" ] && "$1" -I -c '
import platform, sys
good = sys.version_info[:2] == (3, 12) and sys.implementation.name == "cpython"
mac = sys.platform == "darwin"
sys.exit(not (good and (not mac or platform.machine() == "arm64")))' >/dev/null 2>&1
}

# pyenv keeps its versions beside its shims, wherever HOME points
pyenv_roots() {
    printf '%s\n' "${PYENV_ROOT:-}" "${HOME:-}/.pyenv"
    printf '%s\n' "$PATH" | tr ':' '\n' | sed -n 's|/shims/*$||p'
}

candidates() {
    for name in python3.12 python3 python; do
        command -v "$name" || true
    done
    pyenv_roots | while IFS= read -r root; do
        for python in "$root"/versions/3.12*/bin/python; do
            printf '%s\n' "$python"
        done
    done
    printf '%s\n' \
        /opt/homebrew/bin/python3.12 \
        /opt/homebrew/opt/python@3.12/bin/python3.12 \
        /usr/local/bin/python3.12 \
        /usr/local/opt/python@3.12/bin/python3.12 \
        /Library/Frameworks/Python.framework/Versions/3.12/bin/python3.12 \
        /usr/bin/python3.12
}

find_python() {
    candidates | while IFS= read -r python; do
        if answers "$python"; then
            printf '%s\n' "$python"
            break
        fi
    done
}

find_uv() {
    for uv in .uv/bin/uv "$(command -v uv || true)" "${HOME:-}/.local/bin/uv" \
        /opt/homebrew/bin/uv /usr/local/bin/uv; do
        if [ -n "$uv" ] && "$uv" --version >/dev/null 2>&1; then
            printf '%s\n' "$uv"
            return
        fi
    done
}

# uv is a wheel like any other: any Python 3 can fetch it into a folder of ours
bootstrap_uv() {
    say 'fetching uv into .uv'
    for python in "$1" python3 /usr/bin/python3; do
        [ -n "$python" ] || continue
        rm -rf .uv
        if "$python" -m venv .uv >/dev/null 2>&1 &&
            .uv/bin/python -m pip install --quiet --disable-pip-version-check "$UV_BOUNDS" >&2; then
            return 0
        fi
    done
    rm -rf .uv
    say 'could not fetch uv: install Python 3.12 with its venv module, or uv itself, and connect to the network.'
    return 1
}

ensure_uv() {
    [ -n "$(find_uv)" ] || bootstrap_uv "$1"
    find_uv
}

make_venv() { # uv, python (empty: let uv fetch one)
    rm -rf "$VENV"
    if [ -n "$2" ]; then
        say "using $2"
        "$1" venv --quiet --python "$2" "$VENV"
        return
    fi
    say 'no Python 3.12 answers here, so uv fetches one'
    if ! "$1" venv --quiet --python 3.12 "$VENV"; then
        say 'install Python 3.12 (pyenv install 3.12, brew install python@3.12, or from python.org) and run this again.'
        return 1
    fi
}

install() { # uv
    say 'installing what requirements.lock names (about 2 GB the first time)'
    "$1" pip install --quiet --python "$VENV/bin/python" \
        --no-deps --require-hashes -r requirements.lock
    "$1" pip install --quiet --python "$VENV/bin/python" \
        --no-deps --no-build-isolation --editable .
}

# once an environment: TensorFlow turns musicnn's weights into the 1.6 MB that workers run;
# without them everything works, but hears less
backbone() {
    say 'preparing the backbone'
    if ! "$VENV/bin/python" -m core.learning.backbone --out "$BACKBONE" >"$VENV/backbone.log" 2>&1; then
        say "the backbone could not be prepared ($VENV/backbone.log tells why), so only the 135 features are heard"
    fi
}

# uv.lock names an index, so only the exports are kept; the GPU plug-in is no plain
# dependency and gets a file of its own
lock() { # uv
    export_options='--quiet --locked --no-emit-project --all-groups --format requirements-txt --no-header --no-annotate'
    "$1" lock --quiet
    # shellcheck disable=SC2086  the options are meant to be split
    "$1" export $export_options -o requirements.lock
    # shellcheck disable=SC2086
    "$1" export $export_options --extra metal |
        awk '/^[^ ]/ { wanted = /^tensorflow-metal==/ } wanted' >requirements-metal.lock
}

case ${1:-} in
uv)
    ensure_uv "$(find_python)"
    exit
    ;;
lock)
    lock "$(ensure_uv "$(find_python)")"
    exit
    ;;
esac
if [ "$(cat "$STAMP" 2>/dev/null)" = "$(wanted_stamp)" ] && answers "$VENV/bin/python"; then
    [ -f "$BACKBONE/manifest.json" ] || backbone
    exit 0
fi
python=$(find_python)
uv=$(ensure_uv "$python")
moved=$(sed -n 1p "$STAMP" 2>/dev/null || true)
if ! answers "$VENV/bin/python" || { [ -n "$moved" ] && [ "$moved" != "$(pwd -P)" ]; }; then
    make_venv "$uv" "$python"
fi
install "$uv"
backbone
wanted_stamp >"$STAMP"
say 'done'
