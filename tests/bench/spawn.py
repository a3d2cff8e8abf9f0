# SPDX-License-Identifier: Apache-2.0
"""Runs commands in turn, ROUNDS times after one round that does not count, and prints for each
"NAME WALL_US" and "NAME-cpu CPU_US" (user and system time of the command and its children).
ROUNDS 0: one round, which counts, for what can be done only once.

usage: spawn.py ROUNDS [NAME COMMAND]...
"""
import os
import subprocess
import sys
import time


def run(command):
    began = time.monotonic()
    child = subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = (time.monotonic() - began) * 1e6
    return child.returncode, wall, (usage.ru_utime + usage.ru_stime) * 1e6, said


def main():
    rounds = int(sys.argv[1])
    commands = dict(zip(sys.argv[2::2], sys.argv[3::2]))
    failed = set()
    for i in range(rounds + 1):
        for name, command in commands.items():
            if name in failed:
                continue
            code, wall, cpu, said = run(command)
            if code != 0:
                failed.add(name)
                print(f"spawn.py: {name} exited {code}: {said.strip()[-300:]}", file=sys.stderr)
            elif i > 0 or rounds == 0:
                print(f"{name} {wall:.1f}\n{name}-cpu {cpu:.1f}", flush=True)
    return 1 if failed else 0


sys.exit(main())
