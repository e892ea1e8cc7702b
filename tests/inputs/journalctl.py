#!/usr/bin/python3
"""Stands for journalctl: shows the entries of the file `journal.export` beside it.

Files beside it change what it does: with `dies` it ends behind so many entries, with `hangs` it
shows half an entry first and waits, with `silent` it says why it cannot work. Each is taken out, so
that the next process works. `calls` gets the arguments of each call, and the process.
"""

import os
import re
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PARENT = os.getppid()


def path(name):
    return os.path.join(HERE, name)


def order(name):
    try:
        with open(path(name)) as file:
            text = file.read()
        os.unlink(path(name))
        return text
    except FileNotFoundError:
        return None


def number(cursor):
    return int(re.search(r"i=([0-9a-f]+)", cursor).group(1), 16)


def main():
    options = dict(re.match(r"-*([^=]*)=?(.*)", text).groups() for text in sys.argv[1:])
    with open(path("calls"), "a") as calls:
        calls.write(f"{os.getpid()} {' '.join(sys.argv[1:])}\n")
    if order("silent") is not None:
        sys.exit("No journal files were opened due to insufficient permissions.")
    follow, out = "follow" in options, sys.stdout.buffer
    first = number(options["cursor"]) if "cursor" in options else 0
    dies = order("dies") if follow else None
    if follow and order("hangs") is not None:
        out.write(b"__CURSOR=s=f;i=ffff\nMESSAGE=half an ent")
        out.flush()
        time.sleep(600)
    left = int(dies) if dies else int(options.get("lines", 1 << 60))
    held = b""
    with open(path("journal.export"), "rb") as journal:
        while True:
            held += journal.read()
            *entries, held = held.split(b"\n\n\n")
            for entry in entries:
                if number(entry.decode("latin-1")) < first:
                    continue
                if left == 0:
                    sys.exit("boom" if dies else 0)
                out.write(entry + b"\n\n")
                left -= 1
            out.flush()
            if not follow or os.getppid() != PARENT:
                return
            time.sleep(0.01)


try:
    main()
except BrokenPipeError:
    os._exit(1)
