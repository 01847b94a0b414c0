"""Which of a value and its negative is written: choices, and equations over them."""

from cells.identity.forms import Form, is_fresh, is_odd
from cells.identity.states import NewStates


class Choices:
    """What may be chosen for a cell, and what has been.

    Each fresh linear, each state but the first and each sum may be written as itself or
    as its negative, each `maximum` as a `minimum` of negatives. All other signs follow.

    Attributes:
        masks: For each value, the choices that its sign is the product of, as bits.
    """

    def __init__(self, source: NewStates) -> None:
        self.masks: dict[int, int] = {}
        self._rows: dict[int, tuple[int, bool]] = {}  # by a bit of its own
        self._decided = 0  # those bits
        forms, bit = source.values.forms, 1
        for value in source.needed:
            form, mask = forms[value], 0
            if _has_choice(form) and value != source.groups[0].old:
                mask, bit = bit, 2 * bit
            elif form[0] in ("product", "gated"):
                for read in source.reads[value]:
                    if form[0] == "gated" or read.part % 2:
                        mask ^= self.masks[read.value]
            elif is_odd(form):
                mask = self.masks[source.reads[value][0].value]
            self.masks[value] = mask

    def signs(self) -> dict[int, int]:
        """The sign of each value; what nothing depends on is not turned."""
        turned = sum(bit for bit, (_, odd) in self._rows.items() if odd)
        return {
            value: -1 if (mask & turned).bit_count() % 2 else 1
            for value, mask in self.masks.items()
        }

    def sign(self, value: int) -> int:
        """The sign of a value; 0 if it is not decided."""
        mask, sign = self.reduced(self.masks[value])
        return 0 if mask else sign

    def want(self, mask: int, negative: bool) -> None:
        """Grants that a product of choices is 1 or -1, unless that is decided."""
        mask, sign = self.reduced(mask)
        if not mask:
            return
        odd, bit = negative != (sign < 0), mask & -mask
        # No row has the own bit of another, so that what is left of a mask is unique.
        for own, (row, other) in self._rows.items():
            if row & bit:
                self._rows[own] = (row ^ mask, other != odd)
        self._rows[bit] = (mask, odd)
        self._decided |= bit

    def reduced(self, mask: int) -> tuple[int, int]:
        """A product of choices as a sign times one of which nothing is decided."""
        known, odd = mask & self._decided, False
        while known:
            bit = known & -known
            row, other = self._rows[bit]
            mask ^= row
            odd ^= other
            known ^= bit
        return mask, -1 if odd else 1


def _has_choice(form: Form) -> bool:
    if form[0] == "sum":
        return bool(form[1])
    return form[0] in ("state", "maximum") or is_fresh(form)
