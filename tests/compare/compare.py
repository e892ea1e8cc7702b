#!/usr/bin/env python3
"""Does to agents what happens to log shippers, and counts the lines that each of them loses or sends
twice.

    tests/compare/compare.py --kinetail target/release/kinetail
    tests/compare/compare.py --kinetail target/release/kinetail \\
        --agent tests/compare/agents/telegraf.json=/usr/bin/telegraf

kinetail is always one of the agents. Its sandbox is the endpoint of all. The table is Markdown."""

import argparse
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import scenarios
from world import Agent, Stuck, World

HERE = Path(__file__).resolve().parent


def arguments():
    parser = argparse.ArgumentParser(description="Compares log shippers under fault.")
    parser.add_argument("--kinetail", required=True, help="the program, which is the endpoint, too")
    parser.add_argument(
        "--agent", action="append", default=[], metavar="FILE=PROGRAM", help="another agent"
    )
    parser.add_argument("--without-kinetail", action="store_true", help="only the other agents")
    parser.add_argument("--only", action="append", default=[], metavar="SCENARIO")
    parser.add_argument("--jobs", type=int, default=2, help="scenarios at a time")
    parser.add_argument("--keep", action="store_true", help="keep the directories of all runs")
    parser.add_argument("--list", action="store_true", help="print the names of the scenarios")
    parser.add_argument(
        "--strict", action="store_true", help="fail if kinetail loses or repeats what it must not"
    )
    return parser.parse_args()


# What no agent can know: that the service stored records whose response was lost. A kill repeats
# what was in flight.
MAY_REPEAT = {"kills", "lost_responses"}


def run(agent, scenario, options):
    """Gives the lost and the repeated lines and how many there were, or why that is not known."""
    world = World(agent, options.kinetail)
    keep = options.keep
    try:
        scenario(world)
        lost, repeated = world.settle()
        return lost, repeated, len(world.written), None
    except Stuck as stuck:
        return None, None, len(world.written), str(stuck)
    except Exception:
        keep = True
        traceback.print_exc()
        return None, None, len(world.written), "the harness failed"
    finally:
        world.close(keep)
        if keep:
            print(f"{agent.name}, {scenario.__name__}: {world.root}", file=sys.stderr)


def cell(result):
    lost, repeated, written, why = result
    if why is not None:
        return why
    if not lost and not repeated:
        return "all once"
    parts = [f"**{lost:,} lost**"] if lost else []
    parts += [f"{repeated:,} twice"] if repeated else []
    return ", ".join(parts) + f" of {written:,}"


def is_broken(name, result):
    lost, repeated, _, why = result
    return bool(why or lost or (repeated and name not in MAY_REPEAT))


def main():
    options = arguments()
    chosen = [one for one in scenarios.ALL if not options.only or one.__name__ in options.only]
    if options.list:
        print("\n".join(one.__name__ for one in chosen))
        return 0
    options.kinetail = str(Path(options.kinetail).resolve())
    agents = []
    if not options.without_kinetail:
        agents.append(Agent(HERE / "agents" / "kinetail.json", options.kinetail))
    for pair in options.agent:
        path, _, program = pair.partition("=")
        agents.append(Agent(path, program))
    with ThreadPoolExecutor(options.jobs) as pool:
        runs = {
            (agent.name, one.__name__): pool.submit(run, agent, one, options)
            for one in chosen
            for agent in agents
        }
        print("| What happens | " + " | ".join(agent.name for agent in agents) + " |")
        print("|---" * (len(agents) + 1) + "|")
        for one in chosen:
            cells = [cell(runs[agent.name, one.__name__].result()) for agent in agents]
            title = one.__doc__.splitlines()[0]
            print(f"| {title} | " + " | ".join(cells) + " |", flush=True)
    broken = [
        name
        for (agent, name), done in runs.items()
        if agent == "kinetail" and is_broken(name, done.result())
    ]
    if options.strict and broken:
        print("kinetail failed in: " + ", ".join(broken), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
