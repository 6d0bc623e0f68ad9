# SPDX-License-Identifier: Apache-2.0
"""Tables and verdicts: the same text for the terminal and for docs/figures.md."""


class Section:
    """One part of the report: a title, tables, goals and notes, in Markdown."""

    def __init__(self, title):
        self.title = title
        self._lines = []
        self.missed = []

    def text(self, text):
        self._lines += [text, ""]

    def table(self, head, rows):
        """Columns from the second on are set to the right."""
        self._lines.append("| " + " | ".join(head) + " |")
        self._lines.append("|---|" + "---:|" * (len(head) - 1))
        self._lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
        self._lines.append("")

    def goals(self, *goals):
        """goals: (what, figure or Spread, limit); a figure above its limit is missed."""
        rows = []
        for what, figure, limit in goals:
            value = getattr(figure, "median", figure)
            met = value <= limit
            if not met:
                self.missed.append(what)
            rows.append((what, figure if not isinstance(figure, float) else f"{figure:.2f}",
                         f"≤ {limit:g}", "met" if met else "**missed**"))
        self.table(("goal", "measured", "limit", ""), rows)

    def __str__(self):
        return "\n".join([f"## {self.title}", "", *self._lines])
