"""Make the packaged models `bundled` and `open`, and their scores, from the corpora.

    python scripts/make_model.py CORPORA WORK [--noise DIR] [--jobs N]

CORPORA holds the corpora's folders by their names, WORK gets what is made on the way: a training
that was broken off is done again, one that was finished is not. At the end the two bundles of the
package are replaced.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from serein.corpora import UtteranceTable
from serein.training.data import load_dataset
from serein.training.recipe import load_recipe, with_recordings
from serein.training.store import user_store

CORPORA = ("crema-d", "emovo", "nemo", "ravdess", "tess")
JOINT = tuple(str(number) for number in range(1, 7))
LEFT_OUT = ("crema-d", "emovo", "ravdess", "tess")
"""The corpora that are left out in turn to be judged as unseen ones."""

OPEN = "crema-d"
"""The corpus whose licence lets weights be used by everybody."""

BUNDLES = Path(__file__).parents[1] / "src" / "serein" / "bundles"


@dataclass(frozen=True)
class Work:
    """Where everything lies, and how it is run."""

    corpora: Path
    folder: Path
    noise: Path
    jobs: int

    def data(self, names: Iterable[str] = CORPORA) -> list[str]:
        """The options that name the corpora, as tables that are scanned once."""
        options = []
        for name in names:
            table = self.folder / "tables" / f"{name}.parquet"
            if not table.exists():
                table.parent.mkdir(parents=True, exist_ok=True)
                self.run("corpora", "scan", name, str(self.corpora / name), "-o", str(table))
            options += ["--data", str(table)]
        return options

    def run(self, *command: str) -> None:
        """Run a command of Serein, with one thread as several run at once."""
        print("serein", *command, file=sys.stderr, flush=True)
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, "-m", "serein", *command], check=True, env=environment)

    def features(self) -> None:
        """Compute what the trainings, which run beside each other, then find in the store."""
        tables = [UtteranceTable.read(path) for path in self.data()[1::2]]
        recipe = with_recordings(load_recipe("bundled"), self.noise)
        load_dataset(tables, recipe.features, sound=recipe.sound, store=user_store())

    def at_once(self, commands: Sequence[Sequence[str]]) -> None:
        """Run commands beside each other; all end before the first failure is told."""
        with ThreadPoolExecutor(self.jobs) as pool:
            for done in [pool.submit(self.run, *command) for command in commands]:
                done.result()

    def scored(self, name: str, data: Sequence[str], protocol: str, folds: Sequence[str]) -> Path:
        """Where a cross-validation's folds are put together, after each was trained by itself."""
        whole = self.folder / name
        for fold in folds:
            made = self.folder / f"{name}-{fold}" / f"fold-{fold}"
            if made.exists() and not (whole / made.name).exists():
                whole.mkdir(parents=True, exist_ok=True)
                shutil.copytree(made, whole / made.name)
        named = [option for fold in folds for option in ("--fold", fold)]
        measures = ("--enrolment", "--robustness", "--noise", str(self.noise))
        wanted = measures if name == "joint" else ()
        self.run(
            *("crossval", "bundled", *data, "--protocol", protocol, *named, *wanted),
            *("--recordings", str(self.noise), "--resume", "-o", str(whole)),
        )
        return whole

    def trainings(self) -> list[list[str]]:
        """The commands of all trainings that are not done."""
        everything, alone = self.data(), self.data([OPEN])
        commands = []
        for name, data in (("bundled", everything), ("open", alone)):
            made = self.folder / "models" / name
            if not made.exists():
                commands.append(["train", "bundled", *data, "--name", name, "-o", str(made)])
        speakers = f"speakers:{len(JOINT)}"
        for name, data, protocol, folds in (
            ("joint", everything, speakers, JOINT),
            ("corpora", everything, "corpus", LEFT_OUT),
            ("open", alone, speakers, JOINT[:1]),
        ):
            for fold in folds:
                made = self.folder / f"{name}-{fold}"
                if not (made / "metrics.json").exists():
                    shutil.rmtree(made, ignore_errors=True)
                    command = ["crossval", "bundled", *data, "--protocol", protocol]
                    commands.append([*command, "--fold", fold, "-o", str(made)])
        return [[*command, "--recordings", str(self.noise)] for command in commands]


def make(work: Work) -> None:
    """Train, score and publish."""
    if commands := work.trainings():
        work.features()
        work.at_once(commands)
    everything, alone = work.data(), work.data([OPEN])
    joint = work.scored("joint", everything, f"speakers:{len(JOINT)}", JOINT)
    corpora = work.scored("corpora", everything, "corpus", LEFT_OUT)
    own = work.scored("open", alone, f"speakers:{len(JOINT)}", JOINT[:1])
    unseen = work.folder / "open-elsewhere"
    if not (unseen / "metrics.json").exists():
        shutil.rmtree(unseen, ignore_errors=True)
        others = work.data(name for name in CORPORA if name != OPEN)
        work.run("evaluate", str(work.folder / "models" / "open"), *others, "-o", str(unseen))
    for name, runs in (("bundled", (joint, corpora)), ("open", (own, unseen))):
        target = BUNDLES / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(work.folder / "models" / name, target)
        publish = Path(__file__).with_name("publish_model.py")
        subprocess.run(
            [sys.executable, publish, target, *runs, "--made-by", "make model"], check=True
        )


def main() -> None:
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpora", type=Path, help="folder of the corpora's folders")
    parser.add_argument("work", type=Path, help="folder for what is made on the way")
    parser.add_argument("--noise", type=Path, help="noises and rooms; by default beside CORPORA")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="trainings at once")
    given = parser.parse_args()
    noise = given.noise or given.corpora.resolve().parent / "noise"
    make(Work(given.corpora.resolve(), given.work.resolve(), noise, given.jobs))


if __name__ == "__main__":
    main()
