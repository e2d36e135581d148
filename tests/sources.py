# SPDX-License-Identifier: Apache-2.0
"""A copy of the sources that may be broken on purpose, and what to do with it."""
import contextlib
import pathlib
import shutil
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[1]


def run(*command, **options):
    """Its end, with all that it printed."""
    return subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, errors="replace", **options)


class Copy:
    """build/NAME: the files that git knows, with a model build of their own."""

    def __init__(self, name):
        self.root = SOURCE / "build" / name
        self.tests = self.root / "build" / "model" / "tests"
        files = run("git", "-C", SOURCE, "ls-files").stdout.split("\n")
        for file in filter(None, files):
            self._copy(SOURCE / file, self.root / file)
        done = run("cmake", "--preset", "model", cwd=self.root)
        if done.returncode != 0:
            sys.exit(f"{done.stdout}\n{name}: it does not configure")

    @staticmethod
    def _copy(source, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy(source, target)

    def build(self, *targets):
        """True if it builds."""
        done = run("cmake", "--build", self.root / "build" / "model",
                   "--target", *targets)
        return done.returncode == 0

    @contextlib.contextmanager
    def with_text(self, file, text):
        """`file` reads `text` meanwhile."""
        path = self.root / file
        sound = path.read_text()
        path.write_text(text)
        try:
            yield
        finally:
            path.write_text(sound)
