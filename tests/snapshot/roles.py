#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""roles - what each role may do is what doc/design/processes.md says.

    tests/snapshot/roles.py ROLE_TABLES [--write]

ROLE_TABLES (tests/tools/role_tables.c) prints the tables that the program is made of.
roles.txt           all of it: every request, word, system call and path
processes.md        its tables are read and held against the same
"""
import difflib
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = HERE.parents[1] / "doc/design/processes.md"
TABLES = subprocess.run([sys.argv[1]], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
BOXES = ("keeper", "courier", "darkroom", "worker, embedded", "worker, remote", "supervisor, embedded", "supervisor, remote",
         "supervisor, courier")
# What a line of the last table is about: one of these calls, without a check of its arguments.
CAPABILITIES = {
    "open a file": ("open", "openat", "openat2", "creat", "open_by_handle_at"),
    "change a file": ("unlink", "unlinkat", "rename", "renameat", "renameat2", "ftruncate", "truncate", "fallocate",
                      "chmod", "fchmod", "fchmodat", "chown", "fchown", "mkdir", "rmdir", "link", "symlink", "setxattr"),
    "make a socket": ("socket", "socketpair"),
    "connect it": ("connect",),
    "take a connection": ("accept", "accept4"),
    "start a program": ("execve", "execveat"),
    "make a process": ("fork", "vfork", "clone", "clone3"),
    "map memory that can be executed": ("mmap", "mprotect", "pkey_mprotect"),
    "look into another process": ("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
                                  "process_madvise"),
    "become another user": ("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups",
                            "setfsuid", "setfsgid"),
    "mount, load, trace, set the clock": (
        "mount", "umount2", "pivot_root", "chroot", "move_mount", "fsopen", "unshare", "setns", "init_module",
        "finit_module", "delete_module", "kexec_load", "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key",
        "request_key", "io_uring_setup", "io_uring_enter", "reboot", "swapon", "settimeofday", "clock_settime",
        "adjtimex", "personality", "iopl", "ioperm", "quotactl", "acct", "syslog", "sethostname", "mknod", "mknodat",
        "memfd_create", "memfd_secret", "name_to_handle_at", "vmsplice", "fanotify_init"),
}
# A check that leaves no more of the call than the table grants: threads alone, nothing executable.
HARMLESS = {("clone", "arg0&0x10000=0x10000"), ("mmap", "arg2&0x4=0"), ("mprotect", "arg2&0x4=0")}


def found(pattern):
    return re.findall(pattern, TABLES, re.M)


def tables_of_document():
    """{heading row: rows} of the document's tables."""
    out, rows = {}, None
    for line in DOCUMENT.read_text().splitlines():
        if not line.startswith("|"):
            rows = None
            continue
        cells = tuple(cell.strip() for cell in line.strip("|").split("|"))
        if rows is None:
            rows = out[cells] = []
        elif not all(re.fullmatch(r"-+", cell) for cell in cells):
            rows.append(cells)
    return out


DOC = tables_of_document()


def the_table(*heading):
    assert heading in DOC, f"no table | {' | '.join(heading)} |"
    return DOC[heading]


def calls(box):
    """(name, checks) of each call that does not kill the role; what is refused with an errno is none."""
    rows = found(rf"^{re.escape(box)}: call (\S+)(.*)$")
    assert rows, box
    return {(name, checks.strip()) for name, checks in rows if not checks.strip().startswith("refused")}


def may(box, capability):
    return sorted({name for name, checks in calls(box) if name in CAPABILITIES[capability]
                   and (name, checks) not in HARMLESS})


def paths(box, right):
    return sorted(path for path, rights in found(rf"^{re.escape(box)}: path (\S+) (\w+)$") if right in rights)


def test_all_of_it_is_as_it_was():
    path = HERE / "roles.txt"
    if "--write" in sys.argv[2:]:
        path.write_text(TABLES)
    diff = list(difflib.unified_diff(path.read_text().splitlines(), TABLES.splitlines(), "roles.txt", "now",
                                     lineterm=""))
    assert not diff, "\n".join(diff)


def test_the_tool_knows_every_name():
    assert "?" not in TABLES, [line for line in TABLES.splitlines() if "?" in line]


def test_what_the_keeper_answers():
    code = {name: int(rate) for name, rate in found(r"^keeper answers (\w+) .*per_second=(\d+)")}
    told = {row[0]: int(row[2]) for row in the_table("request", "for", "a second")}
    assert code and code == told, (code, told)
    assert all(code.values()), "a request without a rate"
    for name, size, out in found(r"^keeper answers (\w+) in=(\d+) out=(\d+)"):
        assert int(size) <= 64 * 1024 and int(out) <= 64 * 1024, (name, size, out)


def test_where_the_courier_goes():
    rows = found(r"^courier does (\S+) to=(\w+) by=(\w+) in=(\d+) out=(\d+) per_second=(\d+) redirects=(\d+)$")
    told = {row[0]: row[2:] for row in the_table("errand", "where", "to", "by", "a second", "redirects")}
    assert rows and told == {name: (to, by, rate, turns) for name, to, by, _, _, rate, turns in rows}, (rows, told)
    for name, to, by, size, out, rate, turns in rows:
        assert int(size) <= ({"scan": 6, "object": 17}.get(by, 0.5) * (1 << 20)) and int(out) <= 17 << 20 and 0 < int(rate) <= 100, name
        # What the settings name is not led elsewhere.
        assert to == "data" or turns == "0", name


def test_which_keys_leave_the_keeper():
    code = dict(found(r"^key (\S+) (leaves|stays)$"))
    told = {row[0]: row[2] for row in the_table("key", "wrapped for", "leaves the keeper")}
    assert code and code == told, (code, told)
    assert code["data-keys"] == code["audit-signing"] == "stays"


def test_what_the_supervisor_hears():
    code = {(role, word): (int(size), int(fds)) for role, word, size, fds in
            found(r"^supervisor hears (\w+) (\w+) bytes=(\d+) descriptors=(\d+)$")}
    told = {(row[0], row[1]): (int(row[2]), 0) for row in the_table("from", "word", "bytes")}
    assert code and code == told, (code, told)


def test_which_secrets_a_role_gets():
    roles = ("worker", "keeper", "courier")
    code = {name: tuple(role in words.split() for role in roles) for name, words in found(r"^setting (\S+) secret(.*)$")}
    told = {row[0]: tuple(cell == "yes" for cell in row[1:]) for row in the_table("setting", *roles)}
    assert code and code == told, (code, told)
    for name, has in code.items():
        assert sum(has) == 1, f"{name}: with several, or with none"
    places = dict(found(r"^setting (\S+)((?: worker| keeper| courier)*)$"))
    assert places["tls.key"] == "", places


def test_what_a_role_can_do_at_all():
    rows = the_table("to", "keeper", "courier", "darkroom", "worker, embedded", "worker, remote", "supervisor")
    assert sorted(row[0] for row in rows) == sorted(CAPABILITIES)
    for row in rows:
        for told, boxes in zip(row[1:], (BOXES[:1], BOXES[1:2], BOXES[2:3], BOXES[3:4], BOXES[4:5], BOXES[5:])):
            has = sorted({name for box in boxes for name in may(box, row[0])})
            assert (told == "no") == (not has), f"{row[0]}: {boxes[-1]} has {has}, the document says: {told}"


def test_what_a_darkroom_calls():
    told = sorted(name for row in the_table("a darkroom's call", "for") for name in row[0].split(", "))
    assert sorted({name for name, _ in calls("darkroom")}) == told, (calls("darkroom"), told)
    # On its one connection alone, and nothing that is executable.
    assert all((name, "arg0&0xffffffff=0x5") in calls("darkroom") for name in ("read", "write")), calls("darkroom")
    assert {name for name, checks in calls("darkroom") if checks} == {"read", "write", "mmap"}, calls("darkroom")


def test_which_files_a_role_reaches():
    assert not found(r"^keeper: (?:path|port) .*$"), "the keeper has a path or a port"
    box = "courier"
    assert not paths(box, "w") and not paths(box, "x"), "the courier writes, or starts what is there"
    assert all(path.startswith(("/etc/", "/run/")) and "private" not in path and path not in ("/etc", "/run", "/etc/ssl", "/etc/pki")
               for path in paths(box, "r"))
    assert sorted(map(int, found(r"^courier: port (\d+)$"))) == [53, 443, 587]
    assert not found(r"^darkroom: (?:path|port) .*$"), "the darkroom has a path or a port"
    for box in BOXES[3:5]:
        assert paths(box, "w") == ["/srv/shop/data"], (box, paths(box, "w"))
        assert not paths(box, "x"), (box, paths(box, "x"))
        assert not [path for path in paths(box, "r") if "keys" in path or path.startswith(("/usr", "/lib", "/proc"))]
    assert not found(r"^worker, embedded: port (\d+)$")
    assert found(r"^worker, remote: port (\d+)$") == ["5432"]
    for box in BOXES[5:]:
        assert set(paths(box, "w")) <= {"/srv/shop/data", "/srv/shop/keys", "/dev/null"}, (box, paths(box, "w"))


def test_each_role_is_in_the_first_table():
    told = [row[0] for row in the_table("role", "holds", "may call", "parses", "ends")]
    assert sorted(told) == sorted({box.split(",")[0] for box in BOXES}), told


def main():
    tests = [(name, value) for name, value in globals().items() if name.startswith("test_")]
    print(f"1..{len(tests)}")
    failed = False
    for number, (name, test) in enumerate(tests, 1):
        label = f"{number} - {name[5:].replace('_', ' ')}"
        try:
            test()
            print(f"ok {label}", flush=True)
        except Exception as error:
            failed = True
            shown = str(error) or type(error).__name__
            print(f"not ok {label}\n# " + shown[:4000].replace("\n", "\n# "), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
