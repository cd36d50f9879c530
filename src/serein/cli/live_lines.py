"""What ``serein live`` prints where nobody looks at a screen: a line for each window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serein.cli.output import complain, print_json, stamp

if TYPE_CHECKING:
    from serein.cli.live_session import Moment, Told
    from serein.recognition.timeline.results import Window

NOBODY = "nobody speaks"
"""What stands in the place of an emotion where there is no voice."""

NOT_SURE = "not sure"
"""What is said of a label that is not to be relied upon."""


class JsonLines:
    """Each window as a JSON object.

    Parameters
    ----------
    view
        A label view that is added.
    """

    def __init__(self, view: str | None) -> None:
        self._view = view

    def window(self, window: Window) -> None:
        """Print a window."""
        print_json(window.as_dict(self._view))

    def moment(self, moment: Moment) -> None:
        """Say nothing between the windows."""

    def hide(self) -> None:
        """There is nothing to hide."""

    def end(self, told: Told) -> None:
        """Print a summary on standard error."""
        for line in summary_lines(told):
            complain(line)


class PlainLines(JsonLines):
    """Each window in words.

    Parameters
    ----------
    view
        The label view.
    top
        How many labels are named.
    """

    def __init__(self, view: str, top: int | None) -> None:
        super().__init__(view)
        self._shown_view = view
        self._top = top or 1

    def window(self, window: Window) -> None:
        """Print a window."""
        times = f"{stamp(window.start)}-{stamp(window.end)}"
        print(f"{times}  {self._words(window)}", flush=True)

    def _words(self, window: Window) -> str:
        view = window.view(self._shown_view)
        if view is None:
            return NOBODY
        ranked = sorted(view.probabilities.items(), key=lambda one: -one[1])[: self._top]
        named = "  ".join(f"{label} {probability:.0%}" for label, probability in ranked)
        return named if window.decided else f"{NOT_SURE}; most likely {named}"


def summary_lines(told: Told) -> list[str]:
    """What a session came to, for people; nothing where nothing was heard."""
    if not told.elapsed:
        return []
    lines = [f"{stamp(told.elapsed)} heard"]
    if told.windows:
        lines[0] += f", somebody spoke in {told.spoken / told.windows:.0%} of it"
    if told.spoken:
        shares = [*told.labels.most_common(), *([(NOT_SURE, told.unsure)] if told.unsure else [])]
        lines.append(", ".join(f"{label} {count / told.spoken:.0%}" for label, count in shares))
    if told.lost:
        lines.append(
            f"{told.lost:.1f} s were lost: this machine judges too slowly; choose a longer --hop"
        )
    return lines
