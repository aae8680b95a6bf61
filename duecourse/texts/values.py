"""What a template may use, made from what is due to one borrower."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from duecourse.domain.errors import TemplateError
from duecourse.domain.tokens import make_token
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import TextRequest
from duecourse.settings import Links
from duecourse.texts import formats
from duecourse.texts.library import TextTemplate


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One instalment as a template sees it: `items` holds these."""

    reference: str
    amount: str
    due_on: str


@dataclass(frozen=True, kw_only=True)
class House:
    """What every text of this lender has in common."""

    lender: str
    public_url: str
    links: Links
    key: bytes


class Values:
    """What templates may use, made only when one does: formatting is most of the work."""

    def __init__(self, request: TextRequest, house: House, pen: formats.Pen) -> None:
        self._request = request
        self._house = house
        self._pen = pen
        self._token = ""

    def of(self, template: TextTemplate) -> dict[str, Any]:
        """What these words use; an email's headers need the unsubscribe link whether or not its text does."""
        values = {name: MAKERS[name](self) for name in template.variables}
        if template.channel is ChannelKind.EMAIL:
            values["unsubscribe_url"] = self.unsubscribe_url()
        if values.get("name") == "":
            raise TemplateError(f"{template.file}: name: is empty")
        return values

    def name(self) -> str:
        return formats.safe_name(self._request.name)

    def lender(self) -> str:
        return self._house.lender

    def due_on(self) -> str:
        return self._pen.day(self._request.due_on)

    def items(self) -> tuple[Line, ...]:
        return tuple(
            Line(
                reference=item.loan_reference,
                amount=self._pen.money(item.outstanding.minor, item.outstanding.currency),
                due_on=self._pen.day(item.due_on),
            )
            for item in self._request.items
        )

    def total(self) -> str:
        amounts = [item.outstanding for item in self._request.items]
        if not amounts:
            raise TemplateError(f"{self._request.template}: total: nothing is due")
        if len(amounts) == 1:
            return self._pen.money(amounts[0].minor, amounts[0].currency)
        return self._pen.total(amounts)

    def count(self) -> int:
        return len(self._request.items)

    def pay_url(self) -> str:
        return self._link(self._house.links.pay)

    def help_url(self) -> str:
        return self._link(self._house.links.help)

    def unsubscribe_url(self) -> str:
        return self._link("{public_url}/u/{token}")

    def _link(self, link: str) -> str:
        self._token = self._token or make_token(self._house.key, self._request.contact_id)
        return link.format(public_url=self._house.public_url, token=self._token)


#: One per word of `library.OFFERED`; a test keeps the two equal.
MAKERS: Mapping[str, Callable[[Values], Any]] = {
    "name": Values.name,
    "lender": Values.lender,
    "due_on": Values.due_on,
    "items": Values.items,
    "total": Values.total,
    "count": Values.count,
    "pay_url": Values.pay_url,
    "help_url": Values.help_url,
    "unsubscribe_url": Values.unsubscribe_url,
}
