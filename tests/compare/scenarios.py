"""What happens to logs, to agents and to endpoints. Each function does it to a world; the first line
of its description is the row of the table."""

import gzip
import os
import shutil
import time


def rename_chain(world):
    """Rename `app.log` to `.1` and so on, three times under load"""
    world.follow()
    for _ in range(3):
        world.write(2000)
        rotate(world)
        world.write(2000)


def rename_unread(world):
    """Rename while the endpoint is down for 10 s, then write on"""
    world.follow()
    world.endpoint_down()
    for _ in range(2):
        world.write(2000)
        rotate(world)
    world.write(2000)
    time.sleep(10)
    world.endpoint()


def copy_truncate(world):
    """`copytruncate` of a file that is read to its end"""
    world.follow()
    world.wait_for(world.write(2000))
    shutil.copyfile(world.log(), world.log("app.log.1"))
    os.truncate(world.log(), 0)
    world.write(1000)


def copy_truncate_unread(world):
    """`copytruncate` of a file that is not read yet (its copy stays)"""
    world.follow()
    world.endpoint_down()
    world.write(2000)
    time.sleep(2)
    shutil.copyfile(world.log(), world.log("app.log.1"))
    os.truncate(world.log(), 0)
    time.sleep(2)
    world.write(1000)
    world.endpoint()


def two_rotations_while_stopped(world):
    """Two rotations while the agent is stopped"""
    world.follow()
    world.wait_for(world.write(1000))
    world.stop()
    for _ in range(2):
        world.write(1000)
        rotate(world)
    world.write(1000)
    world.start()


def compressed_while_stopped(world):
    """Rotated and compressed with gzip while the agent is stopped"""
    world.follow()
    world.wait_for(world.write(1000))
    world.stop()
    world.write(1000)
    rotate(world)
    with open(world.log("app.log.1"), "rb") as plain:
        with gzip.open(world.log("app.log.1.gz"), "wb") as packed:
            shutil.copyfileobj(plain, packed)
    os.remove(world.log("app.log.1"))
    world.write(1000)
    world.start()


def kills(world):
    """`kill -9` three times under load"""
    world.follow()
    for _ in range(3):
        world.wait_for(world.write(20_000)[:1])
        world.kill()
        world.write(1000)
        world.start()


def restarts(world):
    """SIGTERM three times under load"""
    world.follow()
    for _ in range(3):
        world.wait_for(world.write(20_000)[:1])
        world.stop()
        world.write(1000)
        world.start()


def stop_in_outage(world):
    """SIGTERM while the endpoint is down, then a new start"""
    world.follow()
    world.endpoint_down()
    world.write(5000)
    time.sleep(3)
    world.stop()
    world.endpoint()
    world.start()


def outage(world):
    """The endpoint is down for 40 s while lines are written"""
    world.follow()
    world.endpoint_down()
    for _ in range(40):
        world.write(100)
        time.sleep(1)
    world.endpoint()


def errors(world):
    """For 30 s half of the requests fail with HTTP 500"""
    world.follow()
    world.endpoint("--fail-requests", "0.5")
    world.write(10_000)
    time.sleep(30)
    world.endpoint()


def partial_failures(world):
    """For 30 s three of ten records in each request are throttled"""
    world.follow()
    world.endpoint("--throttle", "0.3")
    world.write(10_000)
    time.sleep(30)
    world.endpoint()


def lost_responses(world):
    """Every fifth response is lost after the records were stored"""
    world.follow()
    world.endpoint("--drop-responses", "0.2")
    world.write(10_000)


def deleted_unread(world):
    """The file is deleted while the endpoint is down; a new one follows"""
    world.follow()
    world.endpoint_down()
    world.write(3000)
    time.sleep(2)
    os.remove(world.log())
    time.sleep(1)
    world.write(1000)
    world.endpoint()


def long_line(world):
    """A line of 2 MiB among others (its beginning counts)"""
    world.follow()
    world.write(100)
    world.write(1, width=2 * 1024 * 1024)
    world.write(100)


def same_beginning(world):
    """Delivered, deleted, and another file with the same first 1,100 bytes follows"""
    heading = "x" * 1100 + "\n"
    world.log().write_text(heading)
    world.follow()
    world.wait_for(world.write(100))
    os.remove(world.log())
    time.sleep(2)
    world.log().write_text(heading)
    world.write(1000)


def two_live_files(world):
    """Two files that match the pattern grow in turn"""
    world.follow()
    for _ in range(20):
        world.write(100)
        world.write(100, "app.log.other")
        time.sleep(0.1)


ALL = [
    rename_chain,
    rename_unread,
    copy_truncate,
    copy_truncate_unread,
    two_rotations_while_stopped,
    compressed_while_stopped,
    kills,
    restarts,
    stop_in_outage,
    outage,
    errors,
    partial_failures,
    lost_responses,
    deleted_unread,
    long_line,
    same_beginning,
    two_live_files,
]


def rotate(world):
    """Renames the log and those before it, as logrotate does it."""
    numbers = [int(path.suffix[1:]) for path in world.logs.glob("app.log.[0-9]*")]
    for number in sorted(numbers, reverse=True):
        os.rename(world.log(f"app.log.{number}"), world.log(f"app.log.{number + 1}"))
    os.rename(world.log(), world.log("app.log.1"))
