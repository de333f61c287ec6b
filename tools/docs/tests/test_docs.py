#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""usage: test_docs.py TOOLS PAGE...

Manual pages, completions and the tools' own help say the same."""

import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../lib/tests"))
import tree as T

TOOLS, PAGES = sys.argv[1], sys.argv[2:]
COMPLETION = os.path.join(HERE, "../../completion")
COMMANDS = ("gap", "list", "hist", "live", "record", "report")


def tool(name):
    return os.path.join(TOOLS, name, name)


def page(name):
    path, = [p for p in PAGES if os.path.basename(p) == name]
    with open(path) as f:
        return f.read().replace("\\-", "-")


def help_options(name, *command):
    """{long name: letter or None}"""
    text = T.run(tool(name), *command, "-h").stdout.decode()
    found = re.findall(r"^  (?:-(\w), |    )--([a-z-]+)", text, re.M)
    assert len(found) > 3, text
    return {long: letter or None for letter, long in found}


def complete(name, *words):
    """What bash would offer for the last word"""
    script = ". %s/%s; COMP_WORDS=(%s); COMP_CWORD=%d; %s; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
        COMPLETION, name, " ".join("'%s'" % w for w in (tool(name),) + words), len(words), "_" + name)
    r = subprocess.run(("bash", "--norc", "-c", script), stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=60)
    assert not r.stderr, r.stderr.decode()
    return r.stdout.decode().split()


def each_option_is_in_the_manual_page():
    for name, commands in (("ctop", [()]), ("ctrace", [(c,) for c in COMMANDS])):
        text = page(name + ".1")
        for command in commands:
            for long, letter in help_options(name, *command).items():
                assert "--" + long in text, "%s: --%s" % (name, long)
                assert not letter or re.search(r"-%s\b" % letter, text), "%s: -%s" % (name, letter)


def completion_offers_each_option():
    T.check_equal(sorted(complete("ctop", "--")), sorted("--" + o for o in help_options("ctop")))
    for c in COMMANDS:
        T.check_equal(sorted(complete("ctrace", c, "--")),
                      sorted("--" + o for o in help_options("ctrace", c)), c)


def completion_knows_arguments():
    T.check_equal(sorted(complete("ctrace", "")), sorted(COMMANDS + ("--help", "--version")))
    T.check_equal(complete("ctrace", "re"), ["record", "report"])
    T.check_equal(complete("ctop", "-s", "sta"), ["stalls", "stalled"])
    T.check_equal(complete("ctop", "-e", "CPU"), ["CPUID"])
    T.check_equal(complete("ctrace", "hist", "-e", "IOI"), ["IOIO"])
    T.check_equal(complete("ctop", "-n", ""), [])
    d = T.Tree()
    T.check_equal(complete("ctop", "-i", d.path("kv")), [d.path("kvm")])


def each_exit_status_is_in_the_manual_pages():
    for name in ("ctop.1", "ctrace.1"):
        text = page(name).split(".SH EXIT STATUS")[1].split(".SH")[0]
        T.check_equal(re.findall(r"^\\fB(\d)\\fR$", text, re.M), list("012345"), name)


def subcommands_are_in_the_manual_page_and_the_help():
    text, brief = page("ctrace.1"), T.run(tool("ctrace"), "-h").stdout.decode()
    for c in COMMANDS:
        assert re.search(r"ctrace %s" % c, text) and re.search(r"^  %s " % c, brief, re.M), c


def help_has_examples_that_run():
    for name, words in (("ctop", ["-h"]), ("ctrace", ["gap", "-h"]), ("ctrace", ["live", "-h"])):
        text = T.run(tool(name), *words).stdout.decode()
        examples = re.findall(r"^  (%s .*?)(?:  |$)" % name, text.split("example")[1], re.M)
        assert examples, text
        for e in examples:
            options = e.split(">")[0].split()[1:]
            # The screen needs a terminal, rehearsals are a source of their own
            if name == "ctop" and ("-b" not in options or "--rehearsal" in options):
                continue
            options = [o if not o.endswith(".html") else "/dev/null" for o in options]
            end = ["-n", "1"] if "-n" not in options and (name == "ctop" or "live" in options) else []
            end += ["-d", "0.01"] if name == "ctop" or "live" in options else []
            r = T.run(tool(name), *options, "--synthetic", "40", *end)
            T.check_status(r, 0)


def pages_have_no_mistakes_that_man_sees():
    if not shutil.which("man"):
        raise T.Skip("no man here (package man-db)")
    for p in PAGES:
        r = subprocess.run(("man", "--warnings", "-l", p), stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, env=dict(os.environ, MANWIDTH="100", LC_ALL="C.UTF-8"))
        assert r.returncode == 0 and not r.stderr, r.stderr.decode()


T.main([each_option_is_in_the_manual_page, completion_offers_each_option, completion_knows_arguments,
        each_exit_status_is_in_the_manual_pages, subcommands_are_in_the_manual_page_and_the_help,
        help_has_examples_that_run, pages_have_no_mistakes_that_man_sees])
