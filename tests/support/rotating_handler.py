"""Writes numbered lines through a rotating handler of Python's logging module.

    rotating_handler.py size|time LOG
"""

import logging
import logging.handlers
import sys
import time


def handler_of(kind, path):
    if kind == "size":
        return logging.handlers.RotatingFileHandler(path, maxBytes=20_000, backupCount=8)
    return logging.handlers.TimedRotatingFileHandler(path, when="S", interval=1, backupCount=2)


def main():
    kind, path = sys.argv[1:]
    handler = handler_of(kind, path)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("lines")
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    # 57 rotations by size, 4 or more by time.
    lines, pause = (6_000, 0.0005) if kind == "size" else (4_500, 0.001)
    for number in range(1, lines + 1):
        log.info("%s|%d|%s", kind, number, "x" * 180)
        time.sleep(pause)


main()
