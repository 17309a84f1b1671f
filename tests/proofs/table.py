"""The table of figures that a proof prints, with what was promised beside each."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Table:
    """Figures of one proof; `kept` tells whether every promise was."""

    title: str
    rows: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def figure(self, name: str, value: object) -> None:
        """Add a figure about which nothing is promised."""
        self.rows.append((name, str(value), "", True))

    def at_least(self, name: str, value: float, limit: float) -> None:
        """Add a figure that must not be less."""
        self.rows.append((name, f"{value:g}", f">= {limit:g}", value >= limit))

    def at_most(self, name: str, value: float, limit: float) -> None:
        """Add a figure that must not be more."""
        self.rows.append((name, f"{value:g}", f"<= {limit:g}", value <= limit))

    def none(self, name: str, those: object) -> None:
        """Add a count that must be zero: of the items of a collection, or a number."""
        count = those if isinstance(those, int) else len(those)
        self.rows.append((name, str(count), "0", count == 0))

    @property
    def kept(self) -> bool:
        """Whether all that was promised was kept."""
        return all(good for *_, good in self.rows)

    def show(self) -> None:
        """Print it."""
        wide = max(len(name) for name, *_ in self.rows)
        print(self.title)
        for name, value, promise, good in self.rows:
            said = f"promised {promise}" if promise else ""
            print(f"  {name:{wide}}  {value:>12}  {said:20} {'' if good else 'BROKEN'}".rstrip())
        print(f"  {'kept' if self.kept else 'BROKEN'}", flush=True)
