"""Money as integer minor units and an ISO 4217 code. No float ever holds an amount."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from duecourse.domain.errors import InputError

#: ISO 4217 currencies whose minor unit is not a hundredth (ISO 4217 table A.1).
EXPONENTS = {
    "BHD": 3, "BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JOD": 3, "JPY": 0, "KMF": 0, "KRW": 0, "KWD": 3,
    "LYD": 3, "OMR": 3, "PYG": 0, "RWF": 0, "TND": 3, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0,
    "XPF": 0,
}  # fmt: skip


def exponent(currency: str) -> int:
    """How many decimal places the currency's minor unit has."""
    return EXPONENTS.get(currency, 2)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Money:
    """An amount in minor units (cents, fen) of one currency."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Read a plain decimal such as `652.53`.

        Raises:
            InputError: not a finite number, or finer than the currency's minor unit.
        """
        try:
            minor = Decimal(text).scaleb(exponent(currency))
        except InvalidOperation as exc:
            raise InputError("not a decimal number") from exc
        if not minor.is_finite() or minor != minor.to_integral_value():
            raise InputError(f"not a whole number of minor units of {currency}")
        return cls(minor=int(minor), currency=currency)

    @property
    def amount(self) -> Decimal:
        """In major units, exact."""
        return Decimal(self.minor).scaleb(-exponent(self.currency))
