"""`duecourse payments`: money that came in, or was taken back."""

from typing import Annotated

import typer

from duecourse.book_files import fields
from duecourse.bootstrap import App
from duecourse.cli.options import checked, terminal_actor
from duecourse.cli.output import AsJson, print_fields, print_json
from duecourse.cli.session import run_with_app
from duecourse.domain.book import Payment
from duecourse.domain.money import Money
from duecourse.domain.payment import PaymentResult
from duecourse.usecases.record_payment import record_payment, reverse_payment

app = typer.Typer(no_args_is_help=True)


@app.callback()
def payments() -> None:
    """Record payments and reversals."""


@app.command()
def add(
    *,
    loan: Annotated[str, typer.Option(metavar="EXTERNAL_ID", help="The loan, by your id.")],
    amount: Annotated[str, typer.Option(help="In major units, such as 652.53.")],
    currency: Annotated[str, typer.Option(help="ISO 4217 code; must be the loan's.")],
    external_id: Annotated[str, typer.Option("--id", help="Your id of the payment: the same again changes nothing.")],
    paid_at: Annotated[
        str | None, typer.Option(help="When, with its offset: 2018-07-28T09:30:00-05:00. By default now.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record a payment; contacts that it makes needless are cancelled with it.

    It pays the oldest unmet instalment of the loan first. What is left over waits for the next one.
    """
    money = Money.parse(checked("--amount", fields.amount, amount), checked("--currency", fields.currency, currency))

    async def work(opened: App) -> PaymentResult:
        payment = Payment(
            external_id=checked("--id", fields.identifier, external_id),
            loan_external_id=loan,
            amount=money,
            paid_at=checked("--paid-at", fields.instant, paid_at) if paid_at else (await opened.clock.read()).business,
        )
        return await record_payment(
            payment,
            ledger=opened.ledger,
            clock=opened.clock,
            order=opened.settings.allocation_order,
            actor=terminal_actor(),
        )

    _answer(run_with_app(work), as_json=as_json)


@app.command()
def reverse(
    external_id: Annotated[str, typer.Argument(metavar="ID", help="Your id of the payment.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take a payment back: exactly what it met is open again.

    Contacts that were cancelled stay cancelled; rungs that are still to come are planned again.
    """

    async def work(opened: App) -> PaymentResult:
        result = await reverse_payment(
            external_id,
            ledger=opened.ledger,
            clock=opened.clock,
            order=opened.settings.allocation_order,
            actor=terminal_actor(),
        )
        await opened.bell.hint_book()
        return result

    _answer(run_with_app(work), as_json=as_json)


def _answer(result: PaymentResult, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    print_fields((
        ("payment", result.external_id),
        ("status", result.status),
        ("instalments", result.instalments or None),
        ("credit_minor", result.credit or None),
        ("cancelled_contacts", result.cancelled or None),
    ))
