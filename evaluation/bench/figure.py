"""One measured number beside the number that was wanted."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Figure", "NotMeasured"]


class NotMeasured(Exception):
    """Something that the measurement needs is absent here; the message says what."""


@dataclass(frozen=True)
class Figure:
    """A number, its unit, and the bound it is held against, if there is one."""

    name: str
    title: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    def shown(self) -> str:
        """Return the number as people read it."""
        size = abs(self.value)
        digits = (
            0 if size >= 100 or self.value == int(self.value) else 1 if size >= 10 else 2 if size >= 1 else 3
        )
        return f"{self.value:.{digits}f} {self.unit}".strip()

    @property
    def wanted(self) -> str:
        """The bound in words; empty when the figure is only for information."""
        if self.at_least is not None:
            return f">= {self.at_least:g} {self.unit}".strip()
        if self.at_most is not None:
            return f"<= {self.at_most:g} {self.unit}".strip()
        return ""

    @property
    def met(self) -> bool | None:
        """Whether the bound holds; None when there is none."""
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    def verdict(self) -> str:
        """Return the same in words."""
        return "" if self.met is None else "met" if self.met else "**missed**"
