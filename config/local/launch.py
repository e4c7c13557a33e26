"""Become another program that ends when the process that started it ends.

Run by path, as `launch.py PARENT SIGNAL UID GID program argument ...`; -1 keeps the user or group. The order
matters: Linux forgets the wish when the user changes. On other systems only the user changes.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, signal, uid, gid = map(int, sys.argv[1:5])
    program = sys.argv[5:]
    if gid >= 0:
        os.setgroups([gid])
        os.setgid(gid)
    if uid >= 0:
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            sys.exit(1)
    os.execv(program[0], program)


main()
